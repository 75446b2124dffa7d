import { gridTokens, type ImageParameters } from "@darkroom/contracts";
import { z } from "zod";
import { anyOther, imagePrice } from "./image-price.ts";
import { type GifSheets, gifPixels } from "./sizes-schema.ts";
import { parseSize, type SizeRule } from "./size-rule.ts";

const count = z.int().min(1).max(1_000_000);

/** How many output tokens one image counts at most, by its quality. Where the provider publishes the numbers, they are exact. */
export const outputTokensSchema = z
  .strictObject({
    /** By quality, then by size, as prices are. */
    bySize: z.record(z.string(), z.record(z.string(), count)).optional(),
    /** By quality: the patches along the longer side, of OpenAI's calculator (`gridTokens`). */
    patches: z.record(z.string(), z.int().min(1).max(512)).optional(),
    /** With `patches`: the most pixels of an image whose size the model chooses. As many as the rule allows, when left out. */
    autoPixels: z.int().min(1).optional(),
  })
  .refine(({ bySize, patches }) => (bySize === undefined) !== (patches === undefined), {
    error: "expected either bySize or patches",
  });
type OutputTokens = z.infer<typeof outputTokensSchema>;

/** What of a model says how many output tokens an image can count. */
export type TokenLimits = {
  sizes: { rule?: Pick<SizeRule, "maxPixels"> | undefined; gif?: GifSheets | undefined };
  outputTokens?: OutputTokens | undefined;
  maxOutputTokensPerImage?: number | undefined;
};

/** What is asked of the upstream, as far as tokens depend on it. */
export type Drawn = Pick<ImageParameters, "size" | "quality" | "output_format" | "frame_count">;

/** The most output tokens that one image can count; undefined where it is unknown. */
export function mostOutputTokens(model: TokenLimits, drawn: Drawn): number | undefined {
  const { outputTokens, maxOutputTokensPerImage } = model;
  const rows = outputTokens?.bySize ?? outputTokens?.patches;
  if (outputTokens === undefined || rows === undefined) return maxOutputTokensPerImage;
  const { quality = "auto" } = drawn;
  const qualities = quality === "auto" ? Object.keys(rows) : [quality];
  const counts = qualities.map((each) =>
    outputTokens.patches === undefined
      ? tokensBySize(outputTokens.bySize, each, drawn)
      : tokensByPatches(outputTokens.patches[each] ?? outputTokens.patches[anyOther], model, drawn),
  );
  const known = counts.filter((each) => each !== undefined);
  return known.length === 0 || known.length < counts.length ? maxOutputTokensPerImage : Math.max(...known);
}

function tokensBySize(bySize: OutputTokens["bySize"], quality: string, { size = "auto" }: Drawn): number | undefined {
  if (parseSize(size) !== undefined) return imagePrice(bySize, quality, size);
  const row = bySize?.[quality] ?? bySize?.[anyOther];
  return row === undefined ? undefined : Math.max(...Object.values(row));
}

function tokensByPatches(patches: number | undefined, model: TokenLimits, drawn: Drawn): number | undefined {
  if (patches === undefined) return undefined;
  const { sizes, outputTokens } = model;
  const size = parseSize(drawn.size ?? "auto");
  const isGif = drawn.output_format === "gif";
  if (size !== undefined && !isGif) return gridTokens(patches, size.width, size.height);
  const most = sizes.rule?.maxPixels;
  const ofGif = size === undefined ? most : gifPixels(sizes.gif, size, drawn.frame_count);
  const pixels = isGif ? ofGif : (outputTokens?.autoPixels ?? most);
  if (pixels === undefined) return undefined;
  // A square has the most patches of all shapes.
  const side = Math.sqrt(pixels);
  return gridTokens(patches, side, side);
}
