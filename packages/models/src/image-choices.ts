import type { CatalogueModel } from "./catalogue.ts";
import { anyOther, imagePrice, imagePriceUpTo, parsePixelBand } from "./image-price.ts";
import type { Prices } from "./price-schema.ts";
import { parseSize } from "./size-rule.ts";

type SizeChoice = Pick<CatalogueModel["sizes"], "values" | "rule"> & { tiers?: Record<string, number> | undefined };

/** What of a model says which images it can come to. */
export type Choices = {
  sizes: SizeChoice;
  parameters: Pick<CatalogueModel["parameters"], "quality">;
  /** The sizes of the model that draws in its place, and what becomes of its own. */
  upstream?: { sizes?: SizeChoice | undefined; parameters: Pick<CatalogueModel["upstream"]["parameters"], "size"> };
};

/** What a quality of `auto` may become. Where the model names nothing else, it has one price for any. */
export function qualitiesOf({ parameters }: Pick<Choices, "parameters">): string[] {
  const named = parameters.quality?.values.filter((quality) => quality !== "auto") ?? [];
  return named.length === 0 ? [anyOther] : named;
}

/** Every size that may come of a request that leaves it open: of the model itself, and of the one that draws in its place. */
export function openSizesOf({ sizes, upstream }: Pick<Choices, "sizes" | "upstream">): string[] {
  return [...new Set([...sizesOf(sizes), ...(upstream?.sizes === undefined ? [] : sizesOf(upstream.sizes))])];
}

/** The sizes of a list, and where a rule or a tier allows more, or there is no list, any. */
function sizesOf({ values, tiers = {}, rule }: SizeChoice): string[] {
  const listed = values.filter((size) => parseSize(size) !== undefined);
  const isOpen = rule !== undefined || Object.keys(tiers).length > 0 || listed.length === 0;
  return isOpen ? [...listed, anyOther] : listed;
}

/**
 * Every size that an image can be billed by. A size that was asked for in pixels is billed as it was asked for; what is left open may
 * become a size of the model that draws, unless the operator's mapping settles it.
 */
function billedSizesOf(model: Choices & { sizes: { default?: string | undefined } }): string[] {
  const { sizes, upstream } = model;
  const translation = upstream?.parameters.size;
  const words = [...sizes.values, sizes.default ?? "auto"].filter((size) => parseSize(size) === undefined);
  const isLeftOpen = words.some((word) => {
    const sent = translation === undefined || translation === "omit" ? word : (translation[word] ?? word);
    return translation === "omit" || parseSize(sent) === undefined;
  });
  return isLeftOpen ? openSizesOf(model) : sizesOf(sizes);
}

/** The most that one image of a size costs, where the size may be a word for a number of pixels (`2K`). */
export function sizePrice(
  perImage: Prices["perImageMicros"],
  quality: string,
  size: string,
  { tiers = {} }: SizeChoice,
) {
  const pixels = tiers[size];
  return pixels === undefined ? imagePrice(perImage, quality, size) : imagePriceUpTo(perImage, quality, pixels);
}

/** The sizes that have no price, each with the qualities at which it has none, if not at all: `1792x1024 at hd`. */
export const unpricedImages = (model: CatalogueModel): string[] => choices(model, billedSizesOf(model), false);

/**
 * The sizes that have a price, each with the qualities at which it has one, if not at all: what to ask for instead. Empty for a model that bills by
 * token alone, or not at all.
 */
export function pricedImages(model: CatalogueModel): string[] {
  const named = Object.values(model.prices.perImageMicros ?? {}).flatMap(Object.keys);
  return choices(model, [...new Set([...sizesOf(model.sizes), ...named])], true);
}

function choices(model: CatalogueModel, sizes: readonly string[], priced: boolean): string[] {
  const { perImageMicros } = model.prices;
  const qualities = qualitiesOf(model);
  return sizes.flatMap((size) => {
    const matching = qualities.filter((each) => (imagePrice(perImageMicros, each, size) !== undefined) === priced);
    if (matching.length === 0) return [];
    return [matching.length === qualities.length ? inWords(size) : `${inWords(size)} at ${matching.join(", ")}`];
  });
}

function inWords(size: string): string {
  const pixels = parsePixelBand(size);
  if (pixels !== undefined) return `any size of at most ${pixels} pixels`;
  return size === anyOther ? "any other size" : size;
}
