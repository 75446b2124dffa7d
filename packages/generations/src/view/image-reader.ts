import { setTimeout as pause } from "node:timers/promises";
import { ObjectNotFoundError, type ObjectStore, type OpenObject } from "@darkroom/storage";
import type { StoredImage } from "../records/delivery.ts";
import { base64Chunks } from "./base64-chunks.ts";

/** An image to be read. `bytes`: its size by the record; left out, it is what the store says. */
export type ReadImage = Pick<StoredImage, "key"> & { bytes?: number | undefined };

/**
 * The next image is opened when so many bytes of the one before it are left: a store takes some 20 ms to answer, in which a fast client reads as
 * much. It is no more, because a store gives up a connection that a slow client lets idle for half a minute.
 */
const aheadBytes = 256 * 1024;

/** Pauses before an image is read on that the store has broken off, in milliseconds: for one server of it that restarts. */
const resumePausesMs = [250, 1_000];

/**
 * Reads the images of one answer from the store, one after another, so that none is ever whole in memory. The next one is opened a little before
 * the current one ends. An image that the store breaks off is read on from where it broke. One that cannot be read on, or does not have the
 * size that the record says, fails: no caller is given the beginning of an image as an image. Close it when the answer ends.
 */
export function createImageReader(images: readonly ReadImage[], objects: Pick<ObjectStore, "get">) {
  const opened = new Map<number, Promise<OpenObject>>();
  let isClosed = false;

  async function openFrom({ key, bytes }: ReadImage, from: number): Promise<OpenObject> {
    const object = await objects.get(key, { from });
    // An image that waits for its turn has no reader yet who would notice.
    object.body.on("error", () => {});
    if (!isClosed && (bytes === undefined || object.size === bytes)) return object;
    object.body.destroy();
    if (isClosed) throw new Error("The answer has ended, so its images are not read on.");
    const cause = new Error(`The object has ${object.size} bytes, and the record of its image says ${bytes}.`);
    throw new ObjectNotFoundError(key, { cause });
  }

  function begin(position: number): Promise<OpenObject> {
    const image = images[position];
    if (image === undefined) throw new RangeError(`There is no image ${position}.`);
    const opening = openFrom(image, 0);
    opened.set(position, opening);
    opening.catch(() => opened.delete(position));
    return opening;
  }

  /**
   * Opens an image, unless it is open. Throws `ObjectNotFoundError` where it is not in the store or has another size, and `StorageError` where
   * the store does not answer.
   */
  async function open(position: number): Promise<OpenObject> {
    const earlier = await opened.get(position)?.catch(() => null);
    // What was opened ahead may have failed since.
    return earlier && !earlier.body.destroyed ? earlier : begin(position);
  }

  function openAhead(position: number): void {
    if (position < images.length && !opened.has(position)) begin(position).catch(() => {});
  }

  async function* bytesOf(position: number): AsyncGenerator<Buffer> {
    let { body, size } = await open(position);
    let seen = 0;
    try {
      for (let breaks = 0; ; breaks++) {
        try {
          for await (const chunk of body as AsyncIterable<Buffer>) {
            seen += chunk.length;
            if (size - seen <= aheadBytes) openAhead(position + 1);
            if (seen > size) break;
            yield chunk;
          }
          if (seen === size) return;
          throw new Error(`Of an image of ${size} bytes the store sent ${seen}.`);
        } catch (error) {
          const pauseMs = seen < size ? resumePausesMs[breaks] : undefined;
          const image = images[position];
          if (pauseMs === undefined || image === undefined) throw error;
          await pause(pauseMs);
          ({ body } = await openFrom({ ...image, bytes: size }, seen));
        }
      }
    } finally {
      opened.delete(position);
      body.destroy();
    }
  }

  return {
    open,

    /** The base64 of an image, in parts. Throws as `open` does, and what the store broke off with. */
    base64: (position: number): AsyncGenerator<string> => base64Chunks(bytesOf(position)),

    /** Closes what is open and was not read. */
    close(): void {
      isClosed = true;
      for (const opening of opened.values()) opening.then(({ body }) => body.destroy()).catch(() => {});
      opened.clear();
    },
  };
}

export type ImageReader = ReturnType<typeof createImageReader>;
