import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRoom, type Guest } from "./room.ts";
import { type ImageBytes, SpooledBytes } from "./spooled-bytes.ts";

const KiB = 1024;
const GiB = 1024 * 1024 * KiB;

/**
 * Bytes are gathered to this size before they are written. An object that is no longer gets no file: to make one takes longer than to write so
 * little, and 640 of them at once, as 64 calls for ten images each can bring, are 80 MiB.
 */
const pieceBytes = 128 * KiB;

/** A thousand images of 4 MB. */
const usualMaxBytes = 4 * GiB;

export type SpoolOptions = {
  /** Where files go; the system's temporary folder when left out. */
  directory?: string | undefined;
  /** How much all files may have before replies have to wait, in bytes. */
  maxBytes?: number;
  /** How long one reply waits for room at most, in milliseconds. See `createRoom`. */
  patienceMs?: number;
  /** Called when a file could not be made or written. Its bytes stay in memory. */
  onDiskError?: (error: unknown) => void;
};

/** Takes the bytes of one image as they come. */
export type SpoolWriter = {
  /** How many bytes have been written. */
  readonly byteLength: number;
  /** Waits while the spool is full. Keeps `bytes`, which must not change. */
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
  const { directory = tmpdir(), maxBytes = usualMaxBytes, patienceMs, onDiskError = () => {} } = options;
  const room = createRoom({ maxBytes, patienceMs });

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

  function newWriter(guest: Guest): SpoolWriter {
    const digest = createHash("sha256");
    let file: FileHandle | undefined;
    let fileBytes = 0;
    let gathered: Buffer[] = [];
    let gatheredBytes = 0;
    /** The disk has failed. */
    let staysInMemory = false;

    async function flush(): Promise<void> {
      const piece = Buffer.concat(gathered);
      await room.take(piece.length, guest);
      try {
        file ??= await openUnlinked();
        for (let done = 0; done < piece.length;) {
          done += (await file.write(piece, done, piece.length - done, fileBytes + done)).bytesWritten;
        }
      } catch (error) {
        room.give(piece.length);
        onDiskError(error);
        await backIntoMemory();
        return;
      }
      digest.update(piece);
      fileBytes += piece.length;
      gathered = [];
      gatheredBytes = 0;
    }

    /** What the disk has taken before it failed is read back: it is paid for. */
    async function backIntoMemory(): Promise<void> {
      staysInMemory = true;
      const written = takeFile();
      if (written === undefined) return;
      try {
        const bytes = await written.read();
        gathered.unshift(bytes);
        gatheredBytes += bytes.length;
      } finally {
        await written.release();
      }
    }

    function takeFile(): SpooledBytes | undefined {
      if (file === undefined) return undefined;
      const byteLength = fileBytes;
      const onRelease = () => room.give(byteLength);
      const spooled = new SpooledBytes({ file, byteLength, sha256: digest.digest("hex"), onRelease });
      file = undefined;
      fileBytes = 0;
      return spooled;
    }

    return {
      get byteLength() {
        return fileBytes + gatheredBytes;
      },
      async write(bytes) {
        gathered.push(bytes);
        gatheredBytes += bytes.length;
        if (gatheredBytes > pieceBytes && !staysInMemory) await flush();
      },
      async finish() {
        if (file !== undefined && gatheredBytes > 0) await flush();
        return takeFile() ?? Buffer.concat(gathered);
      },
      async discard() {
        gathered = [];
        gatheredBytes = 0;
        await takeFile()?.release();
      },
    };
  }

  return {
    newWriter,
    /** What waits for room together: the images of one reply. */
    newGuest: room.newGuest,
    /** How many bytes are in files. */
    usedBytes: room.usedBytes,
  };
}

export type Spool = ReturnType<typeof createSpool>;
