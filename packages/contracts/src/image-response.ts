import { z } from "zod";
import { optional } from "./optional.ts";

/** Tokens as the GPT image models count them. `prompt_tokens` is the commissioned document's name, the rest is OpenAI's. */
export const usageSchema = z.object({
  prompt_tokens: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  total_tokens: z.int(),
  input_tokens_details: z.object({
    text_tokens: z.int(),
    image_tokens: z.int(),
    /** The part of the two that the upstream had in its cache, which it sells for less. Absent: none, or not told. */
    cached_tokens: z.int().optional(),
    cached_tokens_details: z.object({ text_tokens: z.int(), image_tokens: z.int() }).optional(),
  }),
  output_tokens_details: z.object({ text_tokens: z.int(), image_tokens: z.int() }).optional(),
});
export type Usage = z.infer<typeof usageSchema>;

/** Tokens of the model that wrote an SVG, apart from those of the image that it was drawn after. */
export const svgUsageSchema = z.object({
  model: z.string(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  /** Part of `output_tokens`. */
  reasoning_tokens: z.int(),
  total_tokens: z.int(),
});
export type SvgUsage = z.infer<typeof svgUsageSchema>;

/**
 * One image: as base64, behind a link, or both. What is not there is absent, but for `b64_json`, which is null beside a link alone:
 * the example of the commissioned document has it so, and OpenAI's clients take null there.
 */
const imageDataSchema = z.object({
  b64_json: z.string().nullable().optional(),
  /** Older services wrote null beside base64, and an output file of a batch is kept for thirty days. */
  url: optional(z.string()),
  revised_prompt: z.string().optional(),
  /** GPT image models only. */
  output_format: z.string().optional(),
  quality: z.string().optional(),
  /** The size that was measured, `1024x1024`, whatever was asked for. */
  size: z.string(),
});
export type ImageData = z.infer<typeof imageDataSchema>;

/** The 200 of `POST /v1/images/generations`. `data` is never empty: no image is an error. */
export const imageResponseSchema = z.object({
  /** Unix time in seconds. */
  created: z.int(),
  /** GPT image models only, like `usage` and the three that follow. */
  background: z.string().optional(),
  /** What `data` says of each image, where it is the same of all: OpenAI tells it here. */
  output_format: z.string().optional(),
  quality: z.string().optional(),
  size: z.string().optional(),
  data: z.array(imageDataSchema).min(1),
  usage: usageSchema.optional(),
  /** Where the images are SVG. */
  svg_usage: svgUsageSchema.optional(),
  /** Whom the upstream holds responsible: the request's `safety_identifier`, or its `user` where that is absent or empty. */
  safety_identifier: z.string().optional(),
});
export type ImageResponse = z.infer<typeof imageResponseSchema>;

/** The `output_format` of a media type, which is also the ending of its files: `image/png` → `png`, `image/svg+xml` → `svg`. */
export const imageFormat = (mediaType: string): string => mediaType.replace("image/", "").replace(/\+.*/, "");
