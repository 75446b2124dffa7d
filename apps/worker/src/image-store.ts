import type { Logger, Metrics } from "@darkroom/runtime";
import { orAborted } from "@darkroom/outbound";
import type { ProviderImage } from "@darkroom/providers";
import type { Delivery, StoredImage } from "@darkroom/generations";
import { insistOnStore, type ObjectStore } from "@darkroom/storage";
import PQueue from "p-queue";
import { delivered } from "./delivery.ts";
import type { HeldImage, HeldImages } from "./held-images.ts";
import type { StoreWatch } from "./store-watch.ts";

export type ImageStoreOptions = {
  store: Pick<ObjectStore, "put" | "head">;
  watch: Pick<StoreWatch, "wrote" | "refusesAll" | "untilTaking">;
  held: HeldImages;
  /**
   * How long an image is sent or looked for again that the store refuses while it serves others, in milliseconds. A store that serves nothing
   * is waited for without an end: the images are paid for, and nothing else is begun meanwhile.
   */
  patienceMs: number;
  metrics: Pick<Metrics, "uploadDuration">;
  log: Logger;
};

/** What the store is asked for. */
export type Cause = {
  /**
   * Ends it: the images are not wanted any more, or another attempt has the generation. A worker that stops lets it go on for some seconds.
   */
  signal: AbortSignal;
  /** Fields of its log lines. */
  fields: object;
};

type Upload = Pick<StoredImage, "index" | "key" | "mediaType" | "sha256"> & { image: HeldImage };

/**
 * How long an upload may go on when its worker stops, in milliseconds. It is bought, and a store that is well takes it in less; of the five
 * seconds that a worker has left it leaves two to write the ending.
 */
const stoppingMs = 3_000;

/**
 * Images that are on their way to the store at a time. Each has a stream, a request and the buffers of both, and 64 calls for ten images each would send
 * 640. A store that takes half a second for an image takes 64 a second so, more than a worker receives on two cores.
 */
const maxPuts = 32;

/** Brings images that were bought to the object store. */
export function createImageStore({ store, watch, held, patienceMs, metrics, log }: ImageStoreOptions) {
  const puts = new PQueue({ concurrency: maxPuts });

  /** Waits until the store serves again, where it refuses everything and not only an object of so many bytes. */
  async function outlastOutage(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (!(await watch.refusesAll(bytes))) return false;
    await orAborted(watch.untilTaking(), signal);
    return true;
  }

  /** Sends an image until the store has it. Throws what it was refused with last, or the reason of the signal. */
  async function upload({ key, mediaType, sha256, image }: Upload, { signal, fields }: Cause): Promise<void> {
    const options = { contentType: mediaType, size: image.size, sha256, signal };
    // An image that the store has refused waits outside of the queue, so it holds up no other.
    const put = () => puts.add(() => image.use((bytes) => store.put(key, bytes, options)), { signal });
    await insistOnStore(put, {
      patienceMs,
      async outlastOutage() {
        await image.wait();
        return outlastOutage(image.size, signal);
      },
      onRefusal: (error) => log.warn({ ...fields, key, err: error }, "The store did not take an image, which is held"),
      signal,
    });
    watch.wrote();
  }

  /**
   * What the store has under a key, null where there is nothing, undefined where it refuses to say although it serves others. Throws the
   * reason of the signal.
   */
  async function head(key: string, { signal, fields }: Cause) {
    try {
      return await insistOnStore(() => orAborted(store.head(key), signal), {
        patienceMs,
        outlastOutage: () => outlastOutage(1, signal),
        onRefusal: (error) => log.warn({ ...fields, key, err: error }, "The store did not say whether it has an image"),
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      log.error(
        { ...fields, key, err: error },
        "The store does not give out an image that was paid for, and it is lost",
      );
      return undefined;
    }
  }

  /** Uploads images, side by side, and answers the indexes of those that could not be stored. Throws the reason of the signal. */
  async function uploadAll(
    uploads: readonly Upload[],
    { signal: wanted, fields }: Cause,
  ): Promise<ReadonlySet<number>> {
    if (uploads.length === 0) return new Set();
    const { signal, release } = laterWhenStopping(wanted);
    const cause = { signal, fields };
    const lost = new Set<number>();
    await Promise.all(
      uploads.map(async (one) => {
        const sinceMs = performance.now();
        const observe = (outcome: "stored" | "lost") =>
          metrics.uploadDuration.observe({ outcome }, (performance.now() - sinceMs) / 1_000);
        try {
          await upload(one, cause);
          observe("stored");
        } catch (error) {
          if (signal.reason === "lock lost") {
            held.leave(one.key, one.image);
            return;
          }
          if (!signal.aborted) {
            observe("lost");
            log.error(
              { ...fields, key: one.key, err: error },
              "An image that was paid for could not be stored and is lost",
            );
          }
          lost.add(one.index);
        }
        await one.image.release();
      }),
    ).finally(release);
    signal.throwIfAborted();
    return lost;
  }

  return {
    /**
     * Stores the images of a delivery that a provider has just sent, and answers the indexes of those that could not be stored. They are
     * paid for, so they are held and sent again. Empties `images`: while they are held on disk, nothing else is to keep them in memory.
     */
    keep(images: ProviderImage[], delivery: Delivery, cause: Cause): Promise<ReadonlySet<number>> {
      const uploads = images.splice(0).map(({ index, bytes, mediaType }): Upload => {
        const place = delivery.images.find((image) => image.index === index);
        if (place === undefined) throw new Error(`Image ${index} has no place in the delivery`);
        const { key, sha256 } = place;
        return { index, key, mediaType, sha256, image: held.hold(bytes) };
      });
      return uploadAll(uploads, cause);
    },

    /**
     * What of a noted delivery stands in the store: an object of another size is a torn upload and does not count. An image that an
     * attempt of this process has bought and could not store before it lost the generation is stored now. `refused`: the indexes of
     * images that the store may have and does not give out. They are paid for, so they are lost and not bought again.
     */
    async find(noted: Delivery, cause: Cause): Promise<{ delivery: Delivery; refused: readonly number[] }> {
      const heads = await Promise.all(noted.images.map(({ key }) => head(key, cause)));
      const isStored = ({ bytes }: StoredImage, i: number) => heads[i]?.size === bytes;
      const uploads = noted.images.flatMap((one, i) => {
        const image = held.takeOver(one.key);
        if (image === undefined) return [];
        if (!isStored(one, i)) return [{ ...one, image }];
        void image.release();
        return [];
      });
      const lost = await uploadAll(uploads, cause);
      const isBrought = new Set(uploads.map(({ index }) => index).filter((index) => !lost.has(index)));
      const refused = noted.images.flatMap(({ index }, i) =>
        heads[i] === undefined && !isBrought.has(index) ? [index] : [],
      );
      const delivery = delivered(noted, (image, i) => isStored(image, i) || isBrought.has(image.index));
      return { delivery, refused };
    },
  };
}

export type ImageStore = ReturnType<typeof createImageStore>;

/** A signal that aborts as the given one does, but some seconds later where the worker stops. Release it when it is not needed any more. */
function laterWhenStopping(signal: AbortSignal): { signal: AbortSignal; release: () => void } {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const pass = () => {
    if (signal.reason === "stopping") timer = setTimeout(() => later.abort(signal.reason), stoppingMs);
    else later.abort(signal.reason);
  };
  if (signal.aborted) pass();
  else signal.addEventListener("abort", pass, { once: true });
  return {
    signal: later.signal,
    release() {
      clearTimeout(timer);
      signal.removeEventListener("abort", pass);
    },
  };
}
