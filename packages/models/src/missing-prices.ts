import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { unpricedImages } from "./image-choices.ts";

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
  const gaps = perImageMicros === undefined ? [] : unpricedImages(model);
  if (per1kTokensMicros !== undefined) {
    const { textInput, textOutput, imageOutput } = per1kTokensMicros;
    if (textInput === undefined) gaps.push("textInput tokens");
    if (imageOutput === undefined && perImageMicros === undefined) gaps.push("imageOutput tokens");
    const billsOutput = (textOutput ?? 0) > 0 || (imageOutput ?? 0) > 0;
    if (billsOutput && model.maxOutputTokensPerImage === undefined) gaps.push("maxOutputTokensPerImage is not set");
  }
  return gaps;
}
