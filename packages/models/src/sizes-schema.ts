import { z } from "zod";
import { fitsRule, parseSize, sizeRuleSchema, type Size } from "./size-rule.ts";

/**
 * All frames of a GIF are drawn as one picture, a sheet. It has the pixels of a picture, its frames share them, and it is charged as
 * one.
 */
const gifSheetsSchema = z.strictObject({
  /** Frames of a GIF that is asked for without `frame_count`. */
  usualFrames: z.int().min(1),
  /** How many frames the sheets hold. A GIF takes the smallest sheet that holds its frames. */
  sheets: z.array(z.int().min(1)).min(1),
});
export type GifSheets = z.infer<typeof gifSheetsSchema>;

/** The pixels of the sheet of a GIF whose frames have this size. Where nothing is said of sheets, of the frames alone. */
export function gifPixels(gif: GifSheets | undefined, { width, height }: Size, frames = gif?.usualFrames ?? 1): number {
  const sheet = gif?.sheets.filter((holds) => holds >= frames).toSorted((a, b) => a - b)[0];
  return width * height * (sheet ?? frames);
}

const sizesShape = z.strictObject({
  values: z.array(z.string().min(1)).default([]),
  /** Words for a size that the model chooses within a number of pixels, and the most that it chooses: `2K`. Taken beside the values. */
  tiers: z.record(z.string().min(1), z.int().min(1)).default({}),
  rule: sizeRuleSchema.optional(),
  /** How the pixels of the rule are shared by the frames of a GIF. Without it a GIF's frame has the size of any picture. */
  gif: gifSheetsSchema.optional(),
  default: z.string().optional(),
});
export type Sizes = z.infer<typeof sizesShape>;

/** What else of a request its size depends on. */
export type Frames = { output_format?: string | undefined; frame_count?: number | undefined };

export function acceptsSize({ values, tiers, rule, gif }: Sizes, size: string, frames: Frames = {}): boolean {
  if (values.includes(size) || Object.hasOwn(tiers, size)) return true;
  const parsed = parseSize(size);
  if (rule === undefined || parsed === undefined) return false;
  if (frames.output_format !== "gif" || gif === undefined) return fitsRule(rule, parsed);
  const { minPixels = 1, maxPixels = Infinity, ...ofFrame } = rule;
  const pixels = gifPixels(gif, parsed, frames.frame_count);
  return fitsRule(ofFrame, parsed) && pixels >= minPixels && pixels <= maxPixels;
}

export const sizesSchema = sizesShape
  .refine(({ values, tiers, rule }) => values.length > 0 || rule !== undefined || Object.keys(tiers).length > 0, {
    error: "expected values, tiers, a rule, or several of them",
  })
  .refine((sizes) => sizes.default === undefined || acceptsSize(sizes, sizes.default), {
    path: ["default"],
    error: "expected a size that the values, the tiers or the rule accept",
  });
