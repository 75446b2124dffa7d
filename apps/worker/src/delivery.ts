import { sumOfUsages, type Usage } from "@darkroom/contracts";
import { type ProviderReply, sha256Of } from "@darkroom/providers";
import type { Delivery, StoredImage } from "@darkroom/generations";
import type { ImageObjects } from "./image-objects.ts";

export type PlanDeliveryOptions = {
  provider: string;
  /** Where the images of this attempt go. */
  objects: ImageObjects;
  reply: ProviderReply;
  /** What earlier attempts brought to the store. */
  earlier: Delivery | null;
  /** What deployments charge for all of it: see `providerCostOf`. */
  providerCostMicros?: number | null | undefined;
};

/** What will have been delivered once the reply's images are stored, together with what earlier attempts stored. */
export function planDelivery({ provider, objects, reply, earlier, providerCostMicros }: PlanDeliveryOptions): Delivery {
  const images = reply.images.map(({ bytes, mediaType, ...image }): StoredImage => {
    const { quality = reply.quality } = image;
    const key = objects.image(image.index, mediaType);
    return { ...image, key, mediaType, bytes: bytes.byteLength, sha256: sha256Of(bytes), quality };
  });
  const { drawn = images.length } = reply;
  const delivery = {
    provider,
    images: [...(earlier?.images ?? []), ...images].toSorted((a, b) => a.index - b.index),
    ...(providerCostMicros !== undefined && { providerCostMicros }),
    background: reply.background ?? earlier?.background,
    quality: earlier?.quality ?? reply.quality,
    usage: usageOfAll([
      [earlier?.images.length ?? 0, earlier?.usage],
      [images.length, shareOfUsage(reply.usage, images.length, drawn)],
    ]),
    svgUsage: reply.svgUsage ?? earlier?.svgUsage,
  };
  const before = drawnFor(earlier);
  const usage = usageOfAll([
    [before.images, before.usage],
    [drawn, reply.usage],
  ]);
  return withDrawn(delivery, { images: before.images + drawn, usage });
}

/**
 * The same delivery with those images that are there, and their share of the tokens: what is lost is not billed, and where it is bought
 * once more, it is not billed twice. What its provider has drawn stays as it is.
 */
export function delivered(delivery: Delivery, isThere: (image: StoredImage, position: number) => boolean): Delivery {
  const { images, usage, drawn: _drawn, ...rest } = delivery;
  const there = images.filter(isThere);
  if (there.length === images.length) return delivery;
  const left = { ...rest, images: there, usage: shareOfUsage(usage, there.length, images.length) };
  return withDrawn(left, drawnFor(delivery));
}

type Drawn = NonNullable<Delivery["drawn"]>;

/** What a provider has drawn for a delivery: all of it, and no more, where the delivery does not say. */
export const drawnFor = (delivery: Delivery | null): Drawn =>
  delivery?.drawn ?? { images: delivery?.images.length ?? 0, usage: delivery?.usage };

/** Notes what was drawn where that is not what is delivered. */
const withDrawn = (delivery: Delivery, drawn: Drawn): Delivery =>
  drawn.images === delivery.images.length ? delivery : { ...delivery, drawn };

/** The tokens of several lots of images; undefined where those of one are not known. */
const usageOfAll = (lots: readonly [images: number, usage: Usage | undefined][]): Usage | undefined =>
  sumOfUsages(lots.filter(([images]) => images > 0).map(([, usage]) => usage));

/**
 * What some images have of the tokens of all that were drawn with them: the input whole, since each call reads its prompt once, and their
 * part of the output, rounded down. Of more images than are known it is what they probably have. This is the one place where tokens are
 * shared out.
 */
export function shareOfUsage(usage: Usage | undefined, some: number, all: number): Usage | undefined {
  if (usage === undefined || some === 0 || all === 0) return undefined;
  if (some === all) return usage;
  const part = (tokens: number) => Math.floor((tokens * some) / all);
  const output = part(usage.output_tokens);
  const { output_tokens_details: split } = usage;
  const image = part(split?.image_tokens ?? 0);
  return {
    ...usage,
    output_tokens: output,
    total_tokens: usage.total_tokens - usage.output_tokens + output,
    ...(split && { output_tokens_details: { text_tokens: output - image, image_tokens: image } }),
  };
}
