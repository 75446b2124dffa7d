import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { qualitiesOf, unpricedImages } from "./image-choices.ts";
import { anyOther } from "./image-price.ts";
import { mostOutputTokens } from "./output-tokens.ts";

/** The models whose generations may end without a cost, by their id, each with what is not priced. */
export function missingPrices({ models }: Pick<Catalogue, "models">): Record<string, string[]> {
  const gaps = models.map((model) => [model.id, gapsOf(model)] as const);
  return Object.fromEntries(gaps.filter(([, missing]) => missing.length > 0));
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
    if (billsOutput) gaps.push(...uncountedOutput(model));
  }
  return gaps;
}

/** The qualities for which it is unknown how many tokens an image can count. */
function uncountedOutput(model: CatalogueModel): string[] {
  const uncounted = qualitiesOf(model).filter(
    (each) => mostOutputTokens(model, { quality: each === anyOther ? "auto" : each }) === undefined,
  );
  if (uncounted.length === 0) return [];
  const where =
    uncounted.includes(anyOther) || uncounted.length === qualitiesOf(model).length ? "" : ` at ${uncounted.join(", ")}`;
  return [`outputTokens or maxOutputTokensPerImage${where}`];
}
