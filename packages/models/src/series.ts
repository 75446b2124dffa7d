import type { ImageParameters } from "@darkroom/contracts";
import type { CatalogueModel } from "./catalogue.ts";

/** Ark's own most, for a request that names none: images that were sent count too, and a generation sends none. */
const longestSeries = 15;

/**
 * The most images of a request that lets the model draw a series, as many as it sees fit (Ark's `sequential_image_generation`);
 * undefined for any other request.
 */
export function imagesOfSeries(
  { parameters }: Pick<CatalogueModel, "parameters">,
  asked: Pick<ImageParameters, "sequential_image_generation" | "sequential_image_generation_options">,
): number | undefined {
  if (asked.sequential_image_generation !== "auto") return undefined;
  const limit = parameters.sequential_image_generation_options?.fields["max_images"];
  const most = limit !== undefined && "max" in limit ? limit.max : longestSeries;
  return asked.sequential_image_generation_options?.max_images ?? most;
}
