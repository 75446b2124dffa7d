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
    /** Services of before told nothing of this, nor of what stands behind `parameters`. */
    size_tiers: z.record(z.string(), z.int()).default({}),
    gif: z
      .object({ usual_frames: z.int(), sheets: z.array(z.int()).min(1) })
      .nullable()
      .default(null),
    parameters: z.object({
      quality: z.object({ values: z.array(z.string()).min(1), default: z.string().optional() }).optional(),
    }),
    /** Fields of a request that this model alone takes. */
    custom_parameters: z.record(z.string(), z.unknown()).default({}),
    output_tokens_per_image: z.int().nullable().default(null),
    output_tokens: z
      .object({
        by_size: z.record(z.string(), z.record(z.string(), z.int())).nullable(),
        patches: z.record(z.string(), z.int()).nullable(),
        auto_pixels: z.int().nullable(),
      })
      .nullable()
      .default(null),
    svg_author_tokens: z.object({ input: z.int(), output: z.int() }).nullable().default(null),
  }),
  prices: z.object({
    per_image_micros: z.record(z.string(), z.record(z.string(), microsSchema)).nullable(),
    per_1k_tokens_micros: z
      .object({
        text_input: tokenPrice,
        cached_text_input: tokenPrice.default(null),
        image_input: tokenPrice,
        cached_image_input: tokenPrice.default(null),
        text_output: tokenPrice,
        image_output: tokenPrice,
      })
      .nullable(),
    svg_authors_per_1k_tokens_micros: z
      .record(z.string(), z.object({ input: microsSchema, output: microsSchema }))
      .nullable()
      .default(null),
  }),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

export const servedModelsSchema = z.object({ data: z.array(servedModelSchema) });
