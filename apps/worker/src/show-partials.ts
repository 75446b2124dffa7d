import type { Logger } from "@darkroom/runtime";
import { bodyOf, type PartialImage, type ProviderCall, sha256Of } from "@darkroom/providers";
import type { Attempt } from "@darkroom/generations";
import type { ObjectStore } from "@darkroom/storage";
import pTimeout from "p-timeout";
import type { ImageObjects } from "./image-objects.ts";

export type ShowPartialsOptions = {
  attempt: Attempt;
  store: Pick<ObjectStore, "put" | "delete">;
  /** Where the images of this attempt go. */
  objects: ImageObjects;
  log: Logger;
  fields: object;
  /** How long one partial image may hold up the provider's answer, in milliseconds. */
  patienceMs?: number;
};

/** Writing a picture and a reference takes milliseconds; two seconds are for a store that is busy. */
const usualPatienceMs = 2_000;

/**
 * What the provider is told when the caller asks for partial images; undefined when it does not. They are stored beside the finished
 * images and shown to the callers that watch. The first that fails, or takes too long, is the last: a store or a Redis that is away must
 * not delay what the caller pays for.
 */
export function showPartials(options: ShowPartialsOptions): Pick<ProviderCall, "partialImages" | "onPartial"> {
  const { attempt, store, objects, log, fields, patienceMs = usualPatienceMs } = options;
  const { stream, partial_images: partialImages = 0 } = attempt.record.request;
  if (stream !== true || partialImages === 0) return {};
  let givenUp = false;

  async function show({ bytes, ...partial }: PartialImage): Promise<void> {
    const { index, partialIndex, mediaType } = partial;
    const key = objects.partial(index, partialIndex, mediaType);
    await store.put(key, bodyOf(bytes), {
      contentType: mediaType,
      size: bytes.byteLength,
      sha256: sha256Of(bytes),
      signal: attempt.signal,
    });
    const known = !givenUp && (await attempt.showPartial({ ...partial, key }));
    // An image that the record does not name would not be removed with the generation.
    if (!known) await store.delete([key]);
  }

  async function onPartial(partial: PartialImage): Promise<void> {
    if (givenUp) return;
    try {
      await pTimeout(show(partial), { milliseconds: patienceMs, message: `It took more than ${patienceMs} ms.` });
    } catch (error) {
      givenUp = true;
      log.warn({ ...fields, err: error }, "A partial image could not be shown; the rest of them are left out");
    }
  }

  return { partialImages, onPartial };
}
