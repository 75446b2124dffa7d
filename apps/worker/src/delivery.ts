import { addUsage } from "@darkroom/contracts";
import type { ProviderReply } from "@darkroom/providers";
import type { Delivery, StoredImage } from "@darkroom/queue";

export type PlanDeliveryOptions = {
  provider: string;
  /** Where the images go: every attempt uses the same keys, so that a second upload replaces the first. */
  folder: string;
  reply: ProviderReply;
  /** What earlier attempts brought to the store. */
  earlier: Delivery | null;
};

/** What will have been delivered once the reply's images are stored, together with what earlier attempts stored. */
export function planDelivery({ provider, folder, reply, earlier }: PlanDeliveryOptions): Delivery {
  const images = reply.images.map(({ bytes, mediaType, ...image }): StoredImage => {
    const key = `${folder}/${image.index}.${mediaType.slice("image/".length)}`;
    return { ...image, key, mediaType, bytes: bytes.byteLength };
  });
  return {
    provider,
    images: [...(earlier?.images ?? []), ...images].toSorted((a, b) => a.index - b.index),
    background: reply.background ?? earlier?.background,
    quality: reply.quality ?? earlier?.quality,
    usage: addUsage(earlier?.usage, reply.usage),
  };
}

/** The same delivery without the images that could not be stored. */
export function delivered(delivery: Delivery, lost: ReadonlySet<number>): Delivery {
  return { ...delivery, images: delivery.images.filter(({ index }) => !lost.has(index)) };
}
