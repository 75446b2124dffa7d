import { type ImageParameters, imageParametersSchema } from "@darkroom/contracts";
import type { CatalogueModel } from "./catalogue.ts";

/**
 * The parameters in the words of the model's upstream: values translated and parameters left out as the operator's mapping says
 * (`upstream.parameters`), everything else as it is. Silence means `auto`, so a mapping of `auto` settles what the request left open.
 */
export function upstreamParameters({ upstream }: CatalogueModel, parameters: ImageParameters): ImageParameters {
  const translated: Record<string, unknown> = { ...parameters };
  for (const [name, translation] of Object.entries(upstream.parameters)) {
    const value = translated[name];
    if (translation === "omit") delete translated[name];
    else if (value === undefined && translation?.["auto"] !== undefined) translated[name] = translation["auto"];
    else if (typeof value === "string") translated[name] = translation?.[value] ?? value;
  }
  return imageParametersSchema.parse(translated);
}
