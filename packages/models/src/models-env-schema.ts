import { z } from "zod";
import type { Catalogue } from "./catalogue.ts";
import { loadCatalogue } from "./load-catalogue.ts";
import { retiredModels } from "./retirement.ts";

/** The environment variables of every process that reads the catalogue. */
export const modelsEnvSchema = z.object({
  MODELS_FILE: z.string().optional().describe("A YAML file that is merged over the built-in models."),
  RETIRED_MODELS: z
    .enum(retiredModels)
    .default("pass")
    .describe(
      "What to do with a request for a model that its maker has switched off: `pass` asks the provider, whose refusal names the successor; `successor` draws with the successor.",
    ),
  UNKNOWN_MODELS: z
    .union([z.literal("refuse"), z.templateLiteral(["like:", z.string().min(1)])], "must be refuse, or like:<model>")
    .default("refuse")
    .transform((value) => (value === "refuse" ? undefined : value.slice("like:".length)))
    .describe(
      "What to do with a request for a model that is not in the catalogue: `refuse`, or `like:<model>`, which serves it like that model, by the same provider. Its price is unknown.",
    ),
});

export type ModelsSettings = z.output<typeof modelsEnvSchema>;

/** The catalogue that a process was configured with. Throws `CatalogueError`. */
export const configuredCatalogue = (settings: ModelsSettings): Catalogue =>
  loadCatalogue({ file: settings.MODELS_FILE, retired: settings.RETIRED_MODELS, unknownLike: settings.UNKNOWN_MODELS });
