import { microsSchema } from "@darkroom/contracts";
import { z } from "zod";

const tokenPrice = microsSchema.nullable();

/** What `GET /v1/models` tells of a model, as far as a bill depends on it. Prices in micros, null where none is known. */
export const servedModelSchema = z.object({
  id: z.string(),
  aliases: z.array(z.string()),
  /** Whether a request without `model` is drawn by it. Services of before did not tell. */
  is_default: z.boolean().default(false),
  limits: z.object({
    /** Beside the values and the default, the bounds of a rule: all null where there is none. */
    sizes: z.object({ values: z.array(z.string()), default: z.string().nullable() }).catchall(z.number().nullable()),
    parameters: z.object({
      quality: z.object({ values: z.array(z.string()).min(1), default: z.string().optional() }).optional(),
    }),
    /** Services of before told none. */
    output_tokens_per_image: z.int().nullable().default(null),
  }),
  prices: z.object({
    per_image_micros: z.record(z.string(), z.record(z.string(), microsSchema)).nullable(),
    per_1k_tokens_micros: z
      .object({ text_input: tokenPrice, image_input: tokenPrice, text_output: tokenPrice, image_output: tokenPrice })
      .nullable(),
  }),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

export const servedModelsSchema = z.object({ data: z.array(servedModelSchema) });
