import { z } from "zod";
import { customParametersSchema } from "./custom-parameter-schema.ts";
import { anyOther, parsePixelBand } from "./image-price.ts";
import { fieldRuleSchema } from "./field-rules.ts";
import { outputTokensSchema } from "./output-tokens.ts";
import { parametersSchema, translationsSchema } from "./parameter-schema.ts";
import { pricesSchema } from "./price-schema.ts";
import { acceptsSize, type Sizes, sizesSchema } from "./sizes-schema.ts";
import { parseSize } from "./size-rule.ts";

const date = z.iso.date({ error: "expected a date as YYYY-MM-DD" });

/** What callers write in `model`, and what appears in addresses: no blanks, nothing that needs escaping in a message. */
export const modelNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, {
  error: "expected a model name: letters, digits, and . _ : / - within, at most 128 characters",
});

const modelFields = z.strictObject({
  description: z.string().default(""),
  /** Other names that callers may use for it. */
  aliases: z.array(modelNameSchema).default([]),
  /** Names of versions that do not change. Callers may use them as aliases, and the upstream is asked by them. */
  snapshots: z.array(modelNameSchema).default([]),
  /** An adapter's name in `packages/providers`. */
  provider: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, {
    error: "expected a provider name: lower-case letters, digits and -, at most 32 characters, a letter first",
  }),
  /** How it is asked for upstream, where that differs: by another id, in other words for a value. */
  upstream: z.strictObject({ model: z.string().min(1).optional(), parameters: translationsSchema }).prefault({}),
  /** `gpt-image` answers with `usage`, `background` and `output_format`; the others do not. */
  family: z.enum(["dall-e", "gpt-image", "seedream", "other"]).default("other"),
  ownedBy: z.string().min(1).optional(),
  released: date.optional(),
  /** The day its maker switches it off. */
  sunset: date.optional(),
  /** The model of the catalogue that its maker names in its place, and how that one is asked for what this one took. */
  successor: z.strictObject({ model: modelNameSchema, parameters: translationsSchema }).optional(),
  /** Unicode code points; absent where only the upstream knows. */
  promptLimit: z.int().min(1).optional(),
  /** The most that `n` may be. Ten is OpenAI's own most. */
  maxImages: z.int().min(1).max(10),
  /** How many output tokens an image counts, by quality and size. Needed for the worst case where output is priced by token. */
  outputTokens: outputTokensSchema.optional(),
  /** The most output tokens that one image can count, where nothing finer is known. */
  maxOutputTokensPerImage: z.int().min(1).max(1_000_000).optional(),
  /** The most tokens that the author of an SVG can count, where the model draws any. */
  maxSvgAuthorTokens: z.strictObject({ input: z.int().min(1), output: z.int().min(1) }).optional(),
  sizes: sizesSchema,
  parameters: parametersSchema.prefault({}),
  /** What its upstream takes beside the fields of the contract, as the operator declares it. */
  customParameters: customParametersSchema.default({}),
  /** What holds between fields of a request. Checked before anything is bought. */
  rules: z.array(fieldRuleSchema).default([]),
  /** What the tenant pays. */
  prices: pricesSchema.prefault({}),
  /** What the provider charges the operator. Never shown to a tenant. */
  providerPrices: pricesSchema.optional(),
});

export const modelSchema = modelFields.superRefine((model, context) => {
  const refuse = (path: string[], message: string) =>
    context.addIssue({ code: "custom", path, message, params: { atKey: true } });
  for (const { path, rows } of rowsByQuality(model)) {
    for (const [quality, bySize] of Object.entries(rows)) {
      if (quality !== anyOther && model.parameters.quality?.values.includes(quality) !== true) {
        refuse([...path, quality], "expected a quality of this model, or any");
      }
      for (const size of Object.keys(bySize)) {
        if (isPricedSize(size, model.sizes)) continue;
        refuse([...path, quality, size], "expected a WIDTHxHEIGHT that this model takes, <=PIXELS, or any");
      }
    }
  }
});

type RowsByQuality = { path: string[]; rows: Record<string, object> };

/** All that a model says by quality, and by size where it does. */
function rowsByQuality({ prices, providerPrices, outputTokens }: z.output<typeof modelFields>): RowsByQuality[] {
  const patches = Object.keys(outputTokens?.patches ?? {}).map((quality) => [quality, {}] as const);
  return [
    { path: ["prices", "perImageMicros"], rows: prices.perImageMicros ?? {} },
    { path: ["providerPrices", "perImageMicros"], rows: providerPrices?.perImageMicros ?? {} },
    { path: ["outputTokens", "bySize"], rows: outputTokens?.bySize ?? {} },
    { path: ["outputTokens", "patches"], rows: Object.fromEntries(patches) },
  ];
}

const isPricedSize = (key: string, sizes: Sizes) =>
  key === anyOther || parsePixelBand(key) !== undefined || (parseSize(key) !== undefined && acceptsSize(sizes, key));
