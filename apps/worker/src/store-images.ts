import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "@darkroom/observe";
import { orAborted } from "@darkroom/outbound";
import type { ProviderReply } from "@darkroom/providers";
import type { Delivery, StoredImage } from "@darkroom/queue";
import { type ObjectStore, StorageError } from "@darkroom/storage";
import { delivered } from "./delivery.ts";

/** What of a noted delivery really stands in the store: an object of another size is a torn upload and does not count. */
export async function findStored(store: ObjectStore, delivery: Delivery, signal: AbortSignal): Promise<Delivery> {
  const heads = await orAborted(Promise.all(delivery.images.map(({ key }) => store.head(key))), signal);
  return delivered(delivery, ({ bytes }, i) => heads[i]?.size === bytes);
}

export type StoreImagesOptions = {
  store: ObjectStore;
  images: readonly StoredImage[];
  reply: ProviderReply;
  patienceMs: number;
  /** Ends the uploads: the images are not wanted any more, or another attempt has the generation. */
  signal: AbortSignal;
  log: Logger;
  fields: object;
};

/**
 * Uploads the images of a reply, all at once, and returns the indexes of those that could not be stored. While the store is away it
 * tries again: the images are paid for, and asking the provider again would pay twice. Throws the reason of the signal.
 */
export async function storeImages(options: StoreImagesOptions): Promise<ReadonlySet<number>> {
  const { store, images, reply, patienceMs, signal, log, fields } = options;
  const lost = new Set<number>();
  await Promise.all(
    reply.images.map(async ({ index, bytes, mediaType }) => {
      const key = images.find((image) => image.index === index)?.key;
      if (key === undefined) throw new Error(`Image ${index} has no place in the delivery`);
      try {
        const put = () => store.put(key, bytes, { contentType: mediaType, signal });
        await patiently(put, { patienceMs, signal, log, fields: { ...fields, key } });
      } catch (error) {
        signal.throwIfAborted();
        log.error({ ...fields, key, err: error }, "An image that was paid for could not be stored and is lost");
        lost.add(index);
      }
    }),
  );
  return lost;
}

/** Half a second, then twice as long each time, at most ten: soon after a blip, and no storm against a store that comes back. */
const firstPauseMs = 500;
const maxPauseMs = 10_000;

type Patience = Pick<StoreImagesOptions, "patienceMs" | "signal" | "log" | "fields">;

async function patiently(put: () => Promise<void>, { patienceMs, signal, log, fields }: Patience): Promise<void> {
  const giveUpAtMs = performance.now() + patienceMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await put();
    } catch (error) {
      signal.throwIfAborted();
      const hopeless = error instanceof StorageError && !error.retryable;
      if (hopeless || performance.now() + pauseMs > giveUpAtMs) throw error;
      log.warn({ ...fields, err: error, pauseMs }, "The store did not take an image; it is sent again");
      await pause(pauseMs, undefined, { signal });
    }
  }
}
