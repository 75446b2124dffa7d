import { randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type ImageBytes, SpooledBytes } from "@darkroom/providers";
import type { Logger } from "@darkroom/runtime";

export type HeldImagesOptions = {
  /** Where images go that find no room in memory; the system's temporary folder when left out. */
  directory?: string | undefined;
  log: Logger;
  /** How many bytes of images that the store has refused are kept in memory, and how many on disk. */
  memoryBytes?: number;
  diskBytes?: number;
  /** How long an image that was left to the next attempt is kept, in milliseconds. */
  leftForMs: number;
};

const MiB = 1024 * 1024;
/**
 * A hundred images of ordinary size, beside those that are on their way: a worker of 1 GB has room for them. What follows goes to disk, where
 * 4 GiB are some 1,500 images: as many as a worker with a hundred slots can have bought when the store begins to refuse. What finds no room
 * there either stays in memory: it is paid for.
 */
const usualMemoryBytes = 256 * MiB;
const usualDiskBytes = 4 * 1024 * MiB;

/** How many images are read back from disk at a time, so that memory does not fill with them when the store is back. */
const readsAtOnce = 4;

/** An image that was bought and is not stored yet. */
export type HeldImage = {
  readonly size: number;
  /** Lends the bytes, from the first one on. */
  use<T>(borrow: (bytes: Uint8Array | Readable) => Promise<T>): Promise<T>;
  /** Says that it has to wait: from here on it counts, and goes to disk when memory is short. */
  wait(): Promise<void>;
  /** Forgets it. */
  release(): Promise<void>;
};

/** One that is on disk since it came. It is counted there, and takes no memory while it waits. */
const holdSpooled = (spooled: SpooledBytes): HeldImage => ({
  size: spooled.byteLength,
  use: (borrow) => spooled.lend(borrow),
  wait: async () => {},
  release: () => spooled.release(),
});

/** The images that this worker has bought and the store has not taken yet. */
export function createHeldImages(options: HeldImagesOptions) {
  const { directory = tmpdir(), log, leftForMs } = options;
  const { memoryBytes = usualMemoryBytes, diskBytes = usualDiskBytes } = options;
  let inMemory = 0;
  let onDisk = 0;
  const left = new Map<string, { image: HeldImage; timer: NodeJS.Timeout }>();
  const inTurn = createTurns(readsAtOnce);

  /** A file without a name: nothing of it is left when the process dies. */
  async function spool(bytes: Uint8Array): Promise<FileHandle | null> {
    const path = join(directory, `darkroom-${randomUUID()}`);
    let file: FileHandle | undefined;
    try {
      file = await open(path, "wx+", 0o600);
      await unlink(path);
      await file.writeFile(bytes);
      return file;
    } catch (error) {
      await file?.close();
      log.warn(
        { err: error, directory },
        "An image that waits for the store could not be put on disk; it stays in memory",
      );
      return null;
    }
  }

  function hold(given: ImageBytes): HeldImage {
    return given instanceof SpooledBytes ? holdSpooled(given) : holdInMemory(given);
  }

  function holdInMemory(given: Uint8Array): HeldImage {
    const size = given.byteLength;
    let bytes: Uint8Array | null = given;
    let file: FileHandle | null = null;
    let waiting: Promise<void> | null = null;

    async function findRoom(): Promise<void> {
      if (bytes !== null && inMemory + size > memoryBytes && onDisk + size <= diskBytes) {
        onDisk += size;
        file = await spool(bytes);
        if (file !== null) {
          bytes = null;
          return;
        }
        onDisk -= size;
      }
      inMemory += size;
    }

    return {
      size,
      use(borrow) {
        if (bytes !== null) return borrow(bytes);
        return inTurn(async () => {
          if (file === null) throw new Error("The image was released");
          const read = Buffer.alloc(size);
          const { bytesRead } = await file.read(read, 0, size, 0);
          if (bytesRead !== size) throw new Error(`Of ${size} bytes on disk ${bytesRead} could be read`);
          return borrow(read);
        });
      },
      wait() {
        waiting ??= findRoom();
        return waiting;
      },
      async release() {
        await waiting;
        const [spooled, counted] = [file, waiting !== null];
        // Before the file is closed, so that a second release finds nothing to do and no read meets a closed file.
        [bytes, file, waiting] = [null, null, null];
        if (spooled !== null) {
          onDisk -= size;
          await spooled.close();
        } else if (counted) inMemory -= size;
      },
    };
  }

  return {
    hold,

    /**
     * Leaves an image that is not stored to the next attempt, should it be made in this process. It is to be found under its key; one that
     * was left there before is released.
     */
    leave(key: string, image: HeldImage): void {
      const earlier = left.get(key);
      clearTimeout(earlier?.timer);
      void earlier?.image.release();
      const timer = setTimeout(() => {
        left.delete(key);
        void image.release();
      }, leftForMs);
      timer.unref();
      left.set(key, { image, timer });
    },

    /** Takes an image over that was left under this key. */
    takeOver(key: string): HeldImage | undefined {
      const found = left.get(key);
      if (found === undefined) return undefined;
      left.delete(key);
      clearTimeout(found.timer);
      return found.image;
    },
  };
}

export type HeldImages = ReturnType<typeof createHeldImages>;

/** Returns a function that runs what it is given, so many at a time, in the order in which they came. */
function createTurns(atOnce: number) {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running === atOnce) await new Promise<void>((resolve) => void waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place is handed on, not given back, so that no other waiter gets it in between.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
