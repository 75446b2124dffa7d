import { splitOutput, type Usage } from "@darkroom/contracts";
import { describeImage, imagePrice } from "./image-price.ts";
import type { TokenKind } from "./price-schema.ts";
import type { Terms } from "./terms.ts";

export type Delivered = {
  /** The measured size of each image that arrived, as `1024x1024`: what was asked for and not delivered costs nothing. */
  sizes: readonly string[];
  /** The one that the upstream reported. It counts where the caller left the choice open, with `auto` or silence. */
  reportedQuality?: string | undefined;
  usage?: Usage | undefined;
};

export type Cost = {
  /** Millionths of a dollar; null where a price is missing, because part of a bill is not a bill. */
  costMicros: number | null;
  /** What has no price, in words, for a log line. Empty when the cost is known. */
  missing: string[];
};

/**
 * What an outcome costs. A model bills by image where it has `perImageMicros`, by token where it has `per1kTokensMicros`, by both
 * where it has both, and then the image fee stands for output tokens that have no price of their own. A model with neither is
 * unpriced, never free. Everything is added up in thousandths of a micro and rounded once, half up.
 */
export function priceOf({ model, quality: agreed, prices }: Terms, delivered: Delivered): Cost {
  const { perImageMicros, per1kTokensMicros } = prices;
  const missing = new Set<string>();
  let milliMicros = 0;

  // The upstream of a mapped model has qualities of its own, so what the caller asked for by name comes first.
  const quality = agreed === "auto" ? (delivered.reportedQuality ?? agreed) : agreed;
  for (const size of perImageMicros === undefined ? [] : delivered.sizes) {
    const micros = imagePrice(perImageMicros, quality, size);
    if (micros === undefined) missing.add(describeImage(model, quality, size));
    else milliMicros += micros * 1000;
  }
  if (per1kTokensMicros !== undefined) {
    if (delivered.usage === undefined) missing.add(`the tokens of '${model}', whose number was not reported`);
    for (const [kind, count] of tokensOf(delivered.usage)) {
      const micros = per1kTokensMicros[kind];
      const coveredByImageFee = perImageMicros !== undefined && kind.endsWith("Output");
      if (micros !== undefined) milliMicros += count * micros;
      else if (count > 0 && !coveredByImageFee) missing.add(`${kind} tokens of '${model}'`);
    }
  }
  if (perImageMicros === undefined && per1kTokensMicros === undefined) missing.add(`an image of '${model}'`);

  if (missing.size > 0) return { costMicros: null, missing: [...missing] };
  return { costMicros: Math.floor((milliMicros + 500) / 1000), missing: [] };
}

function tokensOf(usage: Usage | undefined): [TokenKind, number][] {
  if (usage === undefined) return [];
  const output = splitOutput(usage);
  return [
    ["textInput", usage.input_tokens_details.text_tokens],
    ["imageInput", usage.input_tokens_details.image_tokens],
    ["textOutput", output.text_tokens],
    ["imageOutput", output.image_tokens],
  ];
}
