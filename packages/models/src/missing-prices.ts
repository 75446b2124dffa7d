import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { anyOther, imagePrice } from "./image-price.ts";
import { qualitiesOf, sizesOf } from "./worst-case-of.ts";

export type MissingPrices = {
  model: string;
  /** What is not priced and what follows, for whoever runs the service. */
  sentence: string;
};

/** The models whose generations may end without a cost, each with a sentence for a log line. */
export function missingPrices({ models }: Pick<Catalogue, "models">): MissingPrices[] {
  return models.flatMap((model) => {
    const gaps = gapsOf(model);
    if (gaps.length === 0) return [];
    const sentence = `No price for '${model.id}': ${gaps.join("; ")}. Its cost is unknown there, and keys with a budget are refused`;
    return [{ model: model.id, sentence }];
  });
}

function gapsOf(model: CatalogueModel): string[] {
  const { perImageMicros, per1kTokensMicros } = model.prices;
  if (perImageMicros === undefined && per1kTokensMicros === undefined) return ["none at all"];
  const gaps: string[] = [];
  if (perImageMicros !== undefined) {
    for (const size of sizesOf(model)) {
      const without = qualitiesOf(model).filter((quality) => imagePrice(perImageMicros, quality, size) === undefined);
      if (without.length === 0) continue;
      const atQualities = without.includes(anyOther) ? "" : ` at ${without.join(", ")}`;
      gaps.push(`${size === anyOther ? "any other size" : size}${atQualities}`);
    }
  }
  if (per1kTokensMicros !== undefined) {
    const { textInput, textOutput, imageOutput } = per1kTokensMicros;
    if (textInput === undefined) gaps.push("textInput tokens");
    if (imageOutput === undefined && perImageMicros === undefined) gaps.push("imageOutput tokens");
    const billsOutput = (textOutput ?? 0) > 0 || (imageOutput ?? 0) > 0;
    if (billsOutput && model.maxOutputTokensPerImage === undefined) gaps.push("maxOutputTokensPerImage is not set");
  }
  return gaps;
}
