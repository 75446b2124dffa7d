import type { ImageParameters } from "@darkroom/contracts";
import { z } from "zod";
import type { CatalogueModel } from "./catalogue.ts";
import { anyOther } from "./image-price.ts";
import { type Prices, pricesSchema } from "./price-schema.ts";
import { parseSize } from "./size-rule.ts";

/**
 * What was agreed when a request was accepted, and is kept with its record: a catalogue that changes later changes no bill. Read back
 * strictly: terms with a key that this process does not know cannot be billed in full, so they are not billed by it.
 */
export const termsSchema = z.strictObject({
  /** The catalogue id, for messages. */
  model: z.string(),
  /** The caller's own quality, or the model's default; `auto` where neither says, and then the upstream's own counts. */
  quality: z.string(),
  /** The size that images are billed by, where the upstream is asked for another one. Absent: the one that was measured. */
  size: z.string().optional(),
  prices: pricesSchema,
  /** What the provider charges the operator. Absent: not known. */
  providerPrices: pricesSchema.optional(),
});
export type Terms = z.infer<typeof termsSchema>;

type Priced = Pick<CatalogueModel, "id" | "prices" | "providerPrices"> & {
  parameters: Pick<CatalogueModel["parameters"], "quality">;
  upstream?: { parameters: Pick<CatalogueModel["upstream"]["parameters"], "quality"> };
};
type Agreed = Pick<ImageParameters, "quality" | "size" | "output_format" | "svg">;

/**
 * The terms of a request, as small as they can be: prices that it cannot come to are left out.
 * @param upstream what the model's upstream is asked for, where a mapping may say it in other words
 */
export function termsOf(
  { id, parameters, prices, providerPrices, upstream: mapping }: Priced,
  agreed: Agreed,
  upstream: Pick<ImageParameters, "size"> = agreed,
): Terms {
  const { quality: asked = parameters.quality?.default ?? "auto", size } = agreed;
  const quality = asked === "auto" ? settledQuality(parameters, mapping?.parameters.quality) : asked;
  const isMapped = size !== undefined && size !== upstream.size && parseSize(size) !== undefined;
  return {
    model: id,
    quality,
    ...(isMapped && { size }),
    prices: reachable(prices, quality, agreed),
    ...(providerPrices && { providerPrices: reachable(providerPrices, quality, agreed) }),
  };
}

/** What `auto` is billed as. A mapping that puts `auto` to the upstream in the same words as another quality settles it as that one. */
function settledQuality(
  { quality }: Priced["parameters"],
  translation: CatalogueModel["upstream"]["parameters"]["quality"],
): string {
  if (translation === undefined || translation === "omit") return "auto";
  const sent = translation["auto"];
  if (sent === undefined) return "auto";
  return quality?.values.find((value) => value !== "auto" && (translation[value] ?? value) === sent) ?? "auto";
}

function reachable(prices: Prices, quality: string, { output_format: format, svg }: Agreed): Prices {
  const { perImageMicros, svgAuthorsPer1kTokensMicros: authors = {}, ...others } = prices;
  // Where the caller names no author, the upstream says who it was.
  const possible = svg === undefined ? authors : pickKey(authors, svg.model);
  return {
    ...others,
    ...(perImageMicros && { perImageMicros: quality === "auto" ? perImageMicros : rowsOf(perImageMicros, quality) }),
    ...(format === "svg" && { svgAuthorsPer1kTokensMicros: possible }),
  };
}

const pickKey = <V>(map: Record<string, V>, key: string): Record<string, V> =>
  Object.fromEntries(Object.entries(map).filter(([name]) => name === key));

/** A map without a row still says that the model bills by image. */
const rowsOf = (perImage: NonNullable<Prices["perImageMicros"]>, quality: string) =>
  Object.fromEntries(Object.entries(perImage).filter(([row]) => row === quality || row === anyOther));
