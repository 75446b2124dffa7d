import { wholeNumber } from "@darkroom/runtime";
import { retiredModels } from "@darkroom/models";
import { z } from "zod";

const secondsPerWeek = 604_800;

/** The environment variables of every process that shows generations. */
export const renderingEnvSchema = z.object({
  LINK_TTL_SECONDS: wholeNumber(3_600, secondsPerWeek)
    .default(86_400)
    .describe("How long a link to an image works: from an hour, which the API promises, to the week that S3 allows."),
  MODELS_FILE: z.string().optional().describe("A YAML file laid over the built-in models."),
  RETIRED_MODELS: z
    .enum(retiredModels)
    .default("pass")
    .describe(
      "What becomes of a request for a model that its maker has switched off: `pass` asks the provider, whose refusal names the successor; `successor` draws with that.",
    ),
  UNKNOWN_MODELS: z
    .union([z.literal("refuse"), z.templateLiteral(["like:", z.string().min(1)])], "must be refuse, or like:<model>")
    .default("refuse")
    .transform((value) => (value === "refuse" ? undefined : value.slice("like:".length)))
    .describe(
      "What becomes of a request for a model that the catalogue does not know: `refuse`, or `like:<model>`, which serves it as that model is served, by the same provider. Its price is unknown.",
    ),
});
