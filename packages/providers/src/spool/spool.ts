import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followImage } from "../follow-image.ts";
import type { Followed } from "../image-follower.ts";
import { createRoom, type Guest, type Party } from "./room.ts";
import { createSharedFile, type FilePart, memorySource, type SharedFile } from "./spool-source.ts";
import { type ImageBytes, SpooledBytes } from "./spooled-bytes.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Bytes are gathered to this size before they are written. An object that is no longer gets no file: to make one takes longer than to write so
 * little, and 640 of them at once, as 64 calls for ten images each can bring, are 80 MiB.
 */
const pieceBytes = 128 * KiB;

/** A thousand images of 4 MB. */
const usualMaxBytes = 4 * 1024 * MiB;

/** Six calls for ten images of 4 MB: a worker of 512 MB has room for them, and goes on with a full disk, more slowly. */
const usualMaxMemoryBytes = 256 * MiB;

export type SpoolOptions = {
  /** Where files go; the system's temporary folder when left out. */
  directory?: string | undefined;
  /** How much all files may have before replies have to wait, in bytes. */
  maxBytes?: number;
  /** How much images may have together that the disk did not take and that are in memory, in bytes, before replies have to wait. */
  maxMemoryBytes?: number;
  /** How long one reply waits for room at most, in milliseconds. See `createRoom`. */
  patienceMs?: number;
  /** Called when a file could not be made or written. Its bytes go into memory. */
  onDiskError?: (error: unknown) => void;
};

const noBytes = Buffer.alloc(0);

/** As many as have a file open at a time in a worker that is busy: 8 MiB. */
const maxSparePieces = 64;

/**
 * Pieces to gather bytes in, which are used again. Garbage of megabytes is what starts the collection of garbage: buffers that are thrown away cost a
 * worker several times the time in which they are copied.
 */
function createPieces() {
  const spare: Buffer[] = [];
  return {
    take: (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(pieceBytes),
    /** Only for a piece that nothing reads or writes any more. `bytes`: the piece, or its beginning. */
    give(bytes: Buffer): void {
      if (bytes.buffer.byteLength === pieceBytes && spare.length < maxSparePieces)
        spare.push(Buffer.from(bytes.buffer));
    },
  };
}

/** A disk that is full may have room later: images go into memory meanwhile. */
const isFull = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

/** The bytes of one reply. Their room on disk is the reply's own, and their room in memory that of its call. */
export type SpoolGuest = Guest & { memory: Guest };

/** Takes the bytes of one image as they come. */
export type SpoolWriter = {
  /** How many bytes have been written. */
  readonly byteLength: number;
  /** Copies the bytes, and waits while the spool is full. */
  write(bytes: Buffer): Promise<void>;
  /** Ends the image. */
  finish(): Promise<ImageBytes>;
  /** Forgets all of it. */
  discard(): Promise<void>;
};

/**
 * The place where images wait on disk between their arrival and the object store. A file is unlinked as soon as it is open, so a process leaves
 * none behind, however it ends.
 */
export function createSpool(options: SpoolOptions = {}) {
  const { directory = tmpdir(), maxBytes = usualMaxBytes, maxMemoryBytes = usualMaxMemoryBytes } = options;
  const { patienceMs, onDiskError = () => {} } = options;
  const disk = createRoom({ maxBytes, patienceMs, beyond: "all" });
  // More would end the process, and all that it has bought with it.
  const memory = createRoom({ maxBytes: maxMemoryBytes, patienceMs, beyond: "one" });
  const pieces = createPieces();
  /** The room in memory that calls have, by their signals. Their images are released together, so none of them must wait for another. */
  const memoryOfCalls = new WeakMap<AbortSignal, Party>();

  async function openUnlinked(): Promise<FileHandle> {
    const path = join(directory, `darkroom-${randomUUID()}`);
    const file = await open(path, "wx+", 0o600);
    try {
      await unlink(path);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What waits for room together: the images of one reply. `call`: the signal that all replies of its call have in common. */
  function newGuest({
    signal,
    clock,
    call = signal,
  }: Pick<Guest, "signal" | "clock"> & { call?: AbortSignal }): SpoolGuest {
    const ofCall = memoryOfCalls.get(call) ?? memory.newParty();
    memoryOfCalls.set(call, ofCall);
    return { signal, clock, party: disk.newParty(), memory: { signal, clock, party: ofCall } };
  }

  function newWriter(guest: SpoolGuest, shared?: SharedFile): SpoolWriter {
    const digest = createHash("sha256");
    const follower = followImage();
    let file: FileHandle | FilePart | undefined;
    let writtenBytes = 0;
    let fileBytes = 0;
    /** What is not in the file yet: the first bytes of a piece. */
    let piece: Buffer | undefined;
    let pieceFilled = 0;
    /** The disk has failed. What was gathered has its room in memory. */
    let isInMemory = false;
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;

    /** Takes the bytes that are not in the file yet. The caller gives the piece back when nothing reads it any more. */
    function takePiece(): Buffer {
      const taken = piece?.subarray(0, pieceFilled) ?? noBytes;
      [piece, pieceFilled] = [undefined, 0];
      return taken;
    }

    async function flush(): Promise<void> {
      const bytes = takePiece();
      await disk.take(bytes.length, guest);
      try {
        file ??= (await shared?.newPart()) ?? (await openUnlinked());
        for (let done = 0; done < bytes.length;) {
          done += (await file.write(bytes, done, bytes.length - done, fileBytes + done)).bytesWritten;
        }
      } catch (error) {
        disk.give(bytes.length, guest.party);
        onDiskError(error);
        await moveIntoMemory(bytes);
        return;
      }
      digest.update(bytes);
      fileBytes += bytes.length;
      pieces.give(bytes);
    }

    /** What the disk has taken before it failed is read back: it is paid for. */
    async function moveIntoMemory(rest: Buffer): Promise<void> {
      await memory.take(fileBytes + rest.length, guest.memory);
      isInMemory = true;
      gathered = [rest];
      gatheredBytes = fileBytes + rest.length;
      const written = takeFile({ sha256: "" });
      if (written === undefined) return;
      try {
        gathered.unshift(await written.read());
      } finally {
        await written.release();
      }
    }

    function takeFile(facts: { sha256: string; followed?: Followed | undefined }): SpooledBytes | undefined {
      if (file === undefined) return undefined;
      const [taken, byteLength] = [file, fileBytes];
      const isPart = "end" in taken;
      if (isPart) taken.end(byteLength);
      [file, fileBytes] = [undefined, 0];
      // A part takes room on the disk until its whole file is closed.
      const onRelease = () => disk.give(isPart ? 0 : byteLength, guest.party);
      return new SpooledBytes({ file: taken, byteLength, ...facts, onRelease });
    }

    function takeMemory(followed: Followed | undefined): SpooledBytes {
      const bytes = Buffer.concat(gathered);
      gathered = [];
      const onRelease = () => memory.give(bytes.length, guest.memory.party);
      return new SpooledBytes({
        file: memorySource(bytes),
        byteLength: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        followed,
        onRelease,
      });
    }

    return {
      get byteLength() {
        return writtenBytes;
      },
      async write(bytes) {
        writtenBytes += bytes.length;
        follower.write(bytes);
        for (let at = 0; at < bytes.length;) {
          if (pieceFilled === pieceBytes) await flush();
          if (isInMemory) {
            const rest = Buffer.from(bytes.subarray(at));
            await memory.take(rest.length, guest.memory);
            gathered.push(rest);
            gatheredBytes += rest.length;
            return;
          }
          piece ??= pieces.take();
          const copied = bytes.copy(piece, pieceFilled, at);
          pieceFilled += copied;
          at += copied;
        }
      },
      async finish() {
        if (file === undefined && shared === undefined && !isInMemory) {
          const bytes = takePiece();
          const image = Buffer.from(bytes);
          pieces.give(bytes);
          return image;
        }
        if (pieceFilled > 0) await flush();
        const followed = follower.end();
        if (isInMemory) return takeMemory(followed);
        return takeFile({ sha256: digest.digest("hex"), followed }) ?? noBytes;
      },
      async discard() {
        if (isInMemory) memory.give(gatheredBytes, guest.memory.party);
        pieces.give(takePiece());
        gathered = [];
        gatheredBytes = 0;
        isInMemory = false;
        await takeFile({ sha256: "" })?.release();
      },
    };
  }

  return {
    /** Writes and removes a file; call it once at the start. Throws where the folder cannot be used. A disk that is full is a disk error. */
    async check(): Promise<void> {
      try {
        const file = await openUnlinked();
        await file.write("x").finally(() => file.close());
      } catch (error) {
        if (isFull(error)) {
          onDiskError(error);
          return;
        }
        const reason = error instanceof Error ? error.message : String(error);
        const advice = "Set SPOOL_DIRECTORY to a folder that this user may write to.";
        throw new Error(`Images cannot be put into the folder ${directory} (${reason}). ${advice}`, { cause: error });
      }
    },

    /** `shared`: takes a part of that file where it is free, also for a small image, in place of a file of its own. */
    newWriter,

    /** One file for many images. */
    newSharedFile(): SharedFile {
      const party = disk.newParty();
      return createSharedFile(openUnlinked, (bytes) => disk.give(bytes, party));
    },

    newGuest,

    /** How many bytes are in files. */
    usedBytes: disk.usedBytes,
    /** How many bytes are in memory that the disk did not take. */
    memoryBytes: memory.usedBytes,
    /** How many replies wait for room. */
    waiting: (): number => disk.waiting() + memory.waiting(),
  };
}

export type Spool = ReturnType<typeof createSpool>;
