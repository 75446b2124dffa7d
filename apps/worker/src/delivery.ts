import type { Usage } from "@darkroom/contracts";
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

/** Tokens of two calls to the provider: each was billed. */
function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const none = { text_tokens: 0, image_tokens: 0 };
  const output = a.output_tokens_details ?? b.output_tokens_details;
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    input_tokens_details: addTokens(a.input_tokens_details, b.input_tokens_details),
    ...(output && {
      output_tokens_details: addTokens(a.output_tokens_details ?? none, b.output_tokens_details ?? none),
    }),
  };
}

type Tokens = Usage["input_tokens_details"];

const addTokens = (a: Tokens, b: Tokens): Tokens => ({
  text_tokens: a.text_tokens + b.text_tokens,
  image_tokens: a.image_tokens + b.image_tokens,
});
