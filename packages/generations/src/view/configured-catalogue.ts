import { type Catalogue, loadCatalogue } from "@darkroom/models";
import type { z } from "zod";
import type { renderingEnvSchema } from "./rendering-env-schema.ts";

export type CatalogueConfig = Pick<
  z.output<typeof renderingEnvSchema>,
  "MODELS_FILE" | "RETIRED_MODELS" | "UNKNOWN_MODELS"
>;

/** The catalogue that a process was configured with. Throws `CatalogueError`. */
export const configuredCatalogue = (config: CatalogueConfig): Catalogue =>
  loadCatalogue({ file: config.MODELS_FILE, retired: config.RETIRED_MODELS, unknownLike: config.UNKNOWN_MODELS });
