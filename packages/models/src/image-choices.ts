import type { CatalogueModel } from "./catalogue.ts";
import { anyOther, imagePrice } from "./image-price.ts";
import { parseSize } from "./size-rule.ts";

type Choices = Pick<CatalogueModel, "sizes" | "parameters">;

/** What a quality of `auto` may become. Where the model names nothing else, it has one price for any. */
export function qualitiesOf({ parameters }: Choices): string[] {
  const named = parameters.quality?.values.filter((quality) => quality !== "auto") ?? [];
  return named.length === 0 ? [anyOther] : named;
}

/** Every size that a model may choose: those of its list, and where a rule allows more or it has no list, any. */
export function sizesOf({ sizes: { values, rule } }: Choices): string[] {
  const listed = values.filter((size) => parseSize(size) !== undefined);
  return rule === undefined && listed.length > 0 ? listed : [...listed, anyOther];
}

/** The sizes that have no price, each with the qualities at which it has none, if not at all: `1792x1024 at hd`. */
export const unpricedImages = (model: CatalogueModel): string[] => choices(model, sizesOf(model), false);

/**
 * The sizes that have a price, each with the qualities at which it has one, if not at all: what to ask for instead. Empty for a model that bills by
 * token alone, or not at all.
 */
export function pricedImages(model: CatalogueModel): string[] {
  const named = Object.values(model.prices.perImageMicros ?? {}).flatMap(Object.keys);
  return choices(model, [...new Set([...sizesOf(model), ...named])], true);
}

function choices(model: CatalogueModel, sizes: readonly string[], priced: boolean): string[] {
  const { perImageMicros } = model.prices;
  const qualities = qualitiesOf(model);
  return sizes.flatMap((size) => {
    const matching = qualities.filter((each) => (imagePrice(perImageMicros, each, size) !== undefined) === priced);
    if (matching.length === 0) return [];
    const name = size === anyOther ? "any other size" : size;
    return [matching.length === qualities.length ? name : `${name} at ${matching.join(", ")}`];
  });
}
