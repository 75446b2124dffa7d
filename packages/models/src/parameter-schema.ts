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

/** The parameters that models differ in, and what form the rule of each has. `docs/adding-a-parameter.md` tells how one is added. */
const forms = {
  quality: choiceSchema,
  style: choiceSchema,
  complexity: choiceSchema,
  background: choiceSchema,
  moderation: choiceSchema,
  output_format: choiceSchema,
  output_compression: rangeSchema,
  frame_count: rangeSchema,
  frame_duration_ms: rangeSchema,
  svg: fieldsSchema,
  seed: rangeSchema,
  guidance_scale: rangeSchema,
  watermark: flagSchema,
  sequential_image_generation: choiceSchema,
  sequential_image_generation_options: fieldsSchema,
  optimize_prompt_options: fieldsSchema,
};

/** What a model takes. A parameter that is absent is refused by name, never dropped. */
export const parametersSchema = z.strictObject(forms).partial();
type Parameters = z.infer<typeof parametersSchema>;
export type ParameterName = keyof Parameters;
export const parameterNames = parametersSchema.keyof().options;

const omit = z.literal("omit");
const translationSchema = z.union([omit, z.record(z.string(), z.string())], {
  error: 'expected "omit", or a map from the value that callers send to the one the upstream takes',
});

export type Translation = z.infer<typeof translationSchema>;

type TranslationsOf<Forms> = {
  [Name in keyof Forms]: Forms[Name] extends typeof choiceSchema ? typeof translationSchema : typeof omit;
};

/** Only the values of a choice can be others upstream. What has any other form is sent as it is, or left out. */
function translationsOf<Forms extends Record<string, z.ZodType>>(parameters: Forms): TranslationsOf<Forms>;
function translationsOf(parameters: Record<string, z.ZodType>): Record<string, z.ZodType> {
  const entries = Object.entries(parameters);
  return Object.fromEntries(entries.map(([name, form]) => [name, form === choiceSchema ? translationSchema : omit]));
}

/** The words in which an upstream is asked, by parameter: other values for the caller's, or nothing at all. */
export const translationsSchema = z
  .strictObject({ size: translationSchema, ...translationsOf(forms), user: omit, safety_identifier: omit })
  .partial()
  .default({});
export type Translations = z.infer<typeof translationsSchema>;
