import { z } from "zod";

const choiceSchema = z
  .strictObject({ values: z.array(z.string().min(1)).min(1), default: z.string().optional() })
  .refine((choice) => choice.default === undefined || choice.values.includes(choice.default), {
    path: ["default"],
    error: "expected one of the values above",
  });

const rangeSchema = z
  .strictObject({ min: z.number(), max: z.number(), default: z.number().optional() })
  .refine(({ min, max }) => min <= max, { path: ["max"], error: "expected max to be at least min" })
  .refine(({ min, max, default: preset }) => preset === undefined || (preset >= min && preset <= max), {
    path: ["default"],
    error: "expected a number from min to max",
  });

const flagSchema = z.strictObject({ default: z.boolean().optional() });

/** A text that only the upstream can judge. */
const textSchema = z.strictObject({ maxLength: z.int().min(1) });

/** A parameter that is an object: its fields by their path, `reasoning.effort`. A field that is not here is refused by name. */
const fieldsSchema = z.strictObject({
  fields: z.record(z.string(), z.union([choiceSchema, rangeSchema, textSchema])),
});

export type ValueRule = z.infer<typeof choiceSchema | typeof rangeSchema | typeof flagSchema | typeof textSchema>;

/** The parameters that models differ in. One that is absent is refused by name, never dropped. */
export const parametersSchema = z.strictObject({
  quality: choiceSchema.optional(),
  style: choiceSchema.optional(),
  complexity: choiceSchema.optional(),
  background: choiceSchema.optional(),
  moderation: choiceSchema.optional(),
  output_format: choiceSchema.optional(),
  output_compression: rangeSchema.optional(),
  frame_count: rangeSchema.optional(),
  frame_duration_ms: rangeSchema.optional(),
  svg: fieldsSchema.optional(),
  seed: rangeSchema.optional(),
  guidance_scale: rangeSchema.optional(),
  watermark: flagSchema.optional(),
  sequential_image_generation: choiceSchema.optional(),
  sequential_image_generation_options: fieldsSchema.optional(),
  optimize_prompt_options: fieldsSchema.optional(),
});
type Parameters = z.infer<typeof parametersSchema>;
export type ParameterName = keyof Parameters;
export const parameterNames = parametersSchema.keyof().options;

const omit = z.literal("omit");
const translationSchema = z.union([omit, z.record(z.string(), z.string())], {
  error: 'expected "omit", or a map from the value that callers send to the one the upstream takes',
});

export type Translation = z.infer<typeof translationSchema>;

/** The words in which an upstream is asked, by parameter: other values for the caller's, or nothing at all. */
export const translationsSchema = z
  .strictObject({
    size: translationSchema,
    quality: translationSchema,
    style: translationSchema,
    complexity: translationSchema,
    background: translationSchema,
    moderation: translationSchema,
    output_format: translationSchema,
    output_compression: omit,
    frame_count: omit,
    frame_duration_ms: omit,
    svg: omit,
    seed: omit,
    guidance_scale: omit,
    watermark: omit,
    sequential_image_generation: translationSchema,
    sequential_image_generation_options: omit,
    optimize_prompt_options: omit,
    user: omit,
    safety_identifier: omit,
  })
  .partial()
  .default({});
export type Translations = z.infer<typeof translationsSchema>;
