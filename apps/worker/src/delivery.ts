import { addUsage, type Usage } from "@darkroom/contracts";
import type { ProviderReply } from "@darkroom/providers";
import type { Delivery, StoredImage } from "@darkroom/queue";
import type { ImageObjects } from "./image-objects.ts";
import { shareOfUsage } from "./share-of-usage.ts";

export type PlanDeliveryOptions = {
  provider: string;
  /** Where the images of this attempt go. */
  objects: ImageObjects;
  reply: ProviderReply;
  /** What earlier attempts brought to the store. */
  earlier: Delivery | null;
};

/** What will have been delivered once the reply's images are stored, together with what earlier attempts stored. */
export function planDelivery({ provider, objects, reply, earlier }: PlanDeliveryOptions): Delivery {
  const images = reply.images.map(({ bytes, mediaType, ...image }): StoredImage => {
    return { ...image, key: objects.image(image.index, mediaType), mediaType, bytes: bytes.byteLength };
  });
  return {
    provider,
    images: [...(earlier?.images ?? []), ...images].toSorted((a, b) => a.index - b.index),
    background: reply.background ?? earlier?.background,
    quality: reply.quality ?? earlier?.quality,
    usage: usageOfBoth(earlier, reply),
  };
}

/** The tokens of all images; undefined where some are not known, since a part would be billed as if it were all. */
function usageOfBoth(earlier: Delivery | null, reply: ProviderReply): Usage | undefined {
  if (earlier === null || earlier.images.length === 0) return reply.usage;
  return earlier.usage && reply.usage && addUsage(earlier.usage, reply.usage);
}

/**
 * The same delivery with those images that are there, and their share of the tokens, rounded down: what is lost is not billed, and
 * where it is bought once more, it is not billed twice.
 */
export function delivered(delivery: Delivery, isThere: (image: StoredImage, position: number) => boolean): Delivery {
  const { images, usage, ...rest } = delivery;
  const there = images.filter(isThere);
  if (there.length === images.length) return delivery;
  const left = usage && there.length > 0 ? shareOfUsage(usage, there.length, images.length) : undefined;
  return { ...rest, images: there, usage: left };
}
