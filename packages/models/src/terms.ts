import type { ImageParameters } from "@darkroom/contracts";
import { z } from "zod";
import type { CatalogueModel } from "./catalogue.ts";
import { anyOther } from "./image-price.ts";
import { type Prices, pricesSchema } from "./price-schema.ts";

/**
 * What was agreed when a request was accepted, and is kept with its record: a catalogue that changes later changes no bill. Read back
 * strictly: terms with a key that this process does not know cannot be billed in full, so they are not billed by it.
 */
export const termsSchema = z.strictObject({
  /** The catalogue id, for messages. */
  model: z.string(),
  /** The caller's own quality, or the model's default; `auto` where neither says, and then the upstream's own counts. */
  quality: z.string(),
  prices: pricesSchema,
  /** What the provider charges the operator. Absent: not known. */
  providerPrices: pricesSchema.optional(),
});
export type Terms = z.infer<typeof termsSchema>;

/** The terms of a request, as small as they can be: prices of qualities that it cannot come to are left out. */
export function termsOf(
  { id, parameters, prices, providerPrices }: Pick<CatalogueModel, "id" | "parameters" | "prices" | "providerPrices">,
  { quality = parameters.quality?.default ?? "auto" }: Pick<ImageParameters, "quality">,
): Terms {
  return {
    model: id,
    quality,
    prices: reachable(prices, quality),
    ...(providerPrices && { providerPrices: reachable(providerPrices, quality) }),
  };
}

function reachable({ perImageMicros, ...others }: Prices, quality: string): Prices {
  if (perImageMicros === undefined || quality === "auto")
    return { ...others, ...(perImageMicros && { perImageMicros }) };
  const rows = Object.entries(perImageMicros).filter(([row]) => row === quality || row === anyOther);
  // A map without a row still says that the model bills by image.
  return { ...others, perImageMicros: Object.fromEntries(rows) };
}
