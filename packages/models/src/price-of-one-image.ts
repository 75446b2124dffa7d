import type { CatalogueModel } from "./catalogue.ts";
import { imagePrice } from "./image-price.ts";
import { mostOutputTokens } from "./output-tokens.ts";

export type ImageCost = {
  micros: number;
  /** Whether output tokens are in it, whose number may be a bound. */
  byToken: boolean;
};

/** What one image of a quality and a size costs without its prompt, in micros; undefined where the catalogue does not say. */
export function priceOfOneImage(
  model: Pick<CatalogueModel, "prices" | "sizes" | "outputTokens" | "maxOutputTokensPerImage">,
  quality: string,
  size: string,
): ImageCost | undefined {
  const { perImageMicros, per1kTokensMicros } = model.prices;
  const fee = imagePrice(perImageMicros, quality, size);
  if (perImageMicros !== undefined && fee === undefined) return undefined;
  const perThousand = per1kTokensMicros?.imageOutput;
  if (perThousand === undefined) return fee === undefined ? undefined : { micros: fee, byToken: false };
  const tokens = mostOutputTokens(model, { quality, size });
  if (tokens === undefined) return undefined;
  return { micros: (fee ?? 0) + Math.ceil((tokens * perThousand) / 1000), byToken: true };
}
