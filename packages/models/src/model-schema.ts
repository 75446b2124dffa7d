import { z } from "zod";
import { anyOther } from "./image-price.ts";
import { pricesSchema } from "./price-schema.ts";
import { fitsRule, parseSize, sizeRuleSchema } from "./size-rule.ts";

const date = z.iso.date({ error: "expected a date as YYYY-MM-DD" });

/** What callers write in `model`, and what appears in addresses: no blanks, nothing that needs escaping in a message. */
export const modelNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, {
  error: "expected a model name: letters, digits, and . _ : / - within, at most 128 characters",
});

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

/** The parameters that models differ in. One that is absent is refused by name, never dropped. */
const parametersSchema = z.strictObject({
  quality: choiceSchema.optional(),
  style: choiceSchema.optional(),
  background: choiceSchema.optional(),
  moderation: choiceSchema.optional(),
  output_format: choiceSchema.optional(),
  output_compression: rangeSchema.optional(),
  seed: rangeSchema.optional(),
  guidance_scale: rangeSchema.optional(),
  watermark: flagSchema.optional(),
});
export type ParameterName = keyof z.infer<typeof parametersSchema>;
export const parameterNames = parametersSchema.keyof().options;

const sizesShape = z.strictObject({
  values: z.array(z.string().min(1)).default([]),
  rule: sizeRuleSchema.optional(),
  default: z.string().optional(),
});
export type Sizes = z.infer<typeof sizesShape>;

export function acceptsSize({ values, rule }: Sizes, size: string): boolean {
  if (values.includes(size)) return true;
  const parsed = parseSize(size);
  return rule !== undefined && parsed !== undefined && fitsRule(rule, parsed);
}

const sizesSchema = sizesShape
  .refine(({ values, rule }) => values.length > 0 || rule !== undefined, { error: "expected values, a rule, or both" })
  .refine((sizes) => sizes.default === undefined || acceptsSize(sizes, sizes.default), {
    path: ["default"],
    error: "expected a size that the values or the rule accept",
  });
const omit = z.literal("omit");
const translation = z.union([omit, z.record(z.string(), z.string())], {
  error: 'expected "omit", or a map from the value that callers send to the one the upstream takes',
});

/** How a served model is asked for upstream, where that differs: another id, other words for a value. */
const upstreamSchema = z.strictObject({
  model: z.string().min(1).optional(),
  parameters: z
    .strictObject({
      size: translation,
      quality: translation,
      style: translation,
      background: translation,
      moderation: translation,
      output_format: translation,
      output_compression: omit,
      seed: omit,
      guidance_scale: omit,
      watermark: omit,
      user: omit,
      safety_identifier: omit,
    })
    .partial()
    .default({}),
});

export const modelSchema = z
  .strictObject({
    description: z.string().default(""),
    /** Other names that callers may use for it. */
    aliases: z.array(modelNameSchema).default([]),
    /** An adapter's name in `packages/providers`. */
    provider: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, {
      error: "expected a provider name: lower-case letters, digits and -, at most 32 characters, a letter first",
    }),
    upstream: upstreamSchema.prefault({}),
    /** `gpt-image` answers with `usage`, `background` and `output_format`; the others do not. */
    family: z.enum(["dall-e", "gpt-image", "seedream", "other"]).default("other"),
    ownedBy: z.string().min(1).optional(),
    released: date.optional(),
    /** The day its maker switches it off. Shown to callers; nothing is refused because of it. */
    sunset: date.optional(),
    /** Unicode code points; absent where only the upstream knows. */
    promptLimit: z.int().min(1).optional(),
    /** The most that `n` may be. Ten is OpenAI's own most. */
    maxImages: z.int().min(1).max(10),
    /** The most output tokens that one image can count. Needed for the worst case where output is priced by token. */
    maxOutputTokensPerImage: z.int().min(1).max(1_000_000).optional(),
    sizes: sizesSchema,
    parameters: parametersSchema.prefault({}),
    /** What the tenant pays. */
    prices: pricesSchema.prefault({}),
    /** What the provider charges the operator. Never shown to a tenant. */
    providerPrices: pricesSchema.optional(),
  })
  .superRefine(({ prices, providerPrices, parameters, sizes }, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: "custom", path, message, params: { atKey: true } });
    for (const [key, { perImageMicros = {} }] of Object.entries({ prices, providerPrices: providerPrices ?? {} })) {
      for (const [quality, bySize] of Object.entries(perImageMicros)) {
        const path = [key, "perImageMicros", quality];
        if (quality !== anyOther && parameters.quality?.values.includes(quality) !== true) {
          refuse(path, "expected a quality of this model, or any");
        }
        for (const size of Object.keys(bySize)) {
          if (size === anyOther || (parseSize(size) !== undefined && acceptsSize(sizes, size))) continue;
          refuse([...path, size], "expected a WIDTHxHEIGHT that this model takes, or any");
        }
      }
    }
  });
