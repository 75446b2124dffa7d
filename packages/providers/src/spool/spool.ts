import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followImage } from "../follow-image.ts";
import type { Followed } from "../image-follower.ts";
import { createPieces, pieceBytes } from "./pieces.ts";
import { createRoom, type Guest, type Party } from "./room.ts";
import { createSharedFile, type FilePart, memorySource, piecesSource, type SharedFile } from "./spool-source.ts";
import { type ImageBytes, SpooledBytes } from "./spooled-bytes.ts";

const MiB = 1024 * 1024;

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
  /**
   * How much images may have together that stay in memory in place of the disk, in bytes. What finds no room there goes to the disk and waits
   * for nothing. 0 when left out.
   */
  maxKeptBytes?: number;
  /** How long one reply waits for room at most, in milliseconds. See `createRoom`. */
  patienceMs?: number;
  /** Called when a file could not be made or written. Its bytes go into memory. */
  onDiskError?: (error: unknown) => void;
};

const noBytes = Buffer.alloc(0);

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
  const { maxKeptBytes = 0, patienceMs, onDiskError = () => {} } = options;
  const disk = createRoom({ maxBytes, patienceMs, beyond: "all" });
  // More would end the process, and all that it has bought with it.
  const memory = createRoom({ maxBytes: maxMemoryBytes, patienceMs, beyond: "one" });
  const pieces = createPieces({ maxKeptBytes });
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
    /** The pieces before it, where they stay in memory: all of the image so far. */
    const kept: Buffer[] = [];
    let mayKeep = shared === undefined;
    /** The disk has failed. What was gathered has its room in memory. */
    let isInMemory = false;
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;

    /** Takes the bytes of the piece that is being filled. The caller gives the piece back when nothing reads it any more. */
    function takePiece(): Buffer {
      const taken = piece?.subarray(0, pieceFilled) ?? noBytes;
      [piece, pieceFilled] = [undefined, 0];
      return taken;
    }

    function takeKept(): Buffer[] {
      pieces.keptNoMore(kept.length);
      return kept.splice(0);
    }

    /** Ends the piece that is being filled: it stays where there is room, or all of the image so far goes to the disk. */
    async function endPiece(): Promise<void> {
      const bytes = takePiece();
      digest.update(bytes);
      mayKeep &&= pieces.keepOne();
      if (mayKeep) kept.push(bytes);
      else await writeToDisk([...takeKept(), bytes]);
    }

    async function writeToDisk(all: readonly Buffer[]): Promise<void> {
      for (const [i, bytes] of all.entries()) {
        await disk.take(bytes.length, guest);
        try {
          file ??= (await shared?.newPart()) ?? (await openUnlinked());
          for (let done = 0; done < bytes.length;) {
            done += (await file.write(bytes, done, bytes.length - done, fileBytes + done)).bytesWritten;
          }
        } catch (error) {
          disk.give(bytes.length, guest.party);
          onDiskError(error);
          await moveIntoMemory(Buffer.concat(all.slice(i)));
          return;
        }
        fileBytes += bytes.length;
        pieces.give(bytes);
      }
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

    function takeInPieces(facts: { sha256: string; followed: Followed | undefined }): SpooledBytes {
      const taken = kept.splice(0);
      const source = piecesSource(taken, pieceBytes, (mayReuse) => {
        pieces.keptNoMore(taken.length);
        if (mayReuse) for (const one of taken) pieces.give(one);
      });
      return new SpooledBytes({ file: source, byteLength: writtenBytes, ...facts, onRelease: () => {} });
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
          if (pieceFilled === pieceBytes) await endPiece();
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
        if (file === undefined && kept.length === 0 && shared === undefined && !isInMemory) {
          const bytes = takePiece();
          const image = Buffer.from(bytes);
          pieces.give(bytes);
          return image;
        }
        if (pieceFilled > 0) await endPiece();
        const followed = follower.end();
        if (isInMemory) return takeMemory(followed);
        const facts = { sha256: digest.digest("hex"), followed };
        return kept.length > 0 ? takeInPieces(facts) : (takeFile(facts) ?? noBytes);
      },
      async discard() {
        if (isInMemory) memory.give(gatheredBytes, guest.memory.party);
        for (const one of [...takeKept(), takePiece()]) pieces.give(one);
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

    /** How many bytes are in memory in place of the disk, in whole pieces. */
    keptBytes: pieces.keptBytes,
    /** How many bytes are in files. */
    usedBytes: disk.usedBytes,
    /** How many bytes are in memory that the disk did not take. */
    memoryBytes: memory.usedBytes,
    /** How many replies wait for room. */
    waiting: (): number => disk.waiting() + memory.waiting(),
  };
}

export type Spool = ReturnType<typeof createSpool>;
