import { gridTokens, type SvgUsage, type Usage } from "@darkroom/contracts";
import type { ProviderCall, ProviderImage } from "../image-provider.ts";
import type { Directives } from "../script/directives.ts";
import { type Drawing, isGptImage, type Quality } from "./request.ts";

/** OpenAI's output tokens of GPT Image 1 for 1024x1024. A wide image counts a little less for its area than a tall one. */
const tokensPerSquare: Record<Quality, number> = { low: 272, medium: 1056, high: 4160, xhigh: 4160, max: 4160 };
const wideShare = 6208 / 6240;
/** The patches of OpenAI's calculator for GPT Image 2, and for all later ones. */
const patchesOf2: Record<Quality, number> = { low: 16, medium: 48, high: 96, xhigh: 96, max: 96 };
const patchesOfLater: Record<Quality, number> = { low: 16, medium: 24, high: 48, xhigh: 64, max: 96 };

/** How many frames the sheets of GPT Image 2.6 hold. A GIF is counted as the picture of its sheet. */
const sheets = [9, 12, 16];

/** Output tokens of one image, as the model of this name would count them. */
function outputTokensOf(model: string, quality: Quality, drawing: Drawing): number {
  const { width, height } = drawing.format === "gif" ? sheetOf(drawing) : drawing;
  const [, generation = ""] = /gpt-image-(\d+(?:\.\d+)?)/.exec(model) ?? [];
  if (Number(generation) >= 2) {
    const patches = generation === "2" ? patchesOf2 : patchesOfLater;
    return gridTokens(patches[quality], width, height);
  }
  const squares = (width * height) / (1024 * 1024);
  return Math.floor(tokensPerSquare[quality] * squares * (width > height ? wideShare : 1));
}

/** A square with the pixels of all frames. */
function sheetOf({ width, height, frames }: Drawing): { width: number; height: number } {
  const side = Math.sqrt(width * height * (sheets.find((holds) => holds >= frames) ?? frames));
  return { width: side, height: side };
}

/** Who writes an SVG where the request does not say, and the most that it can write. */
const usualAuthor = "gpt-6-luna";
const mostAuthorTokens = 128_000;

/**
 * Usage of an SVG's author, undefined where no SVG was drawn. The rule: it reads the prompt, a text token for every four bytes, and it
 * writes the SVG, a token for every four bytes again, at most what an author can write. It does not think.
 */
export function svgUsageOf({ parameters }: ProviderCall, images: readonly ProviderImage[]): SvgUsage | undefined {
  const svg = images.filter(({ mediaType }) => mediaType === "image/svg+xml");
  if (svg.length === 0) return undefined;
  const input = Math.ceil(Buffer.byteLength(parameters.prompt) / 4);
  const bytes = svg.reduce((sum, image) => sum + image.bytes.byteLength, 0);
  const output = Math.min(mostAuthorTokens, Math.ceil(bytes / 4));
  return {
    model: parameters.svg?.model ?? usualAuthor,
    input_tokens: input,
    output_tokens: output,
    reasoning_tokens: 0,
    total_tokens: input + output,
  };
}

/**
 * Usage as a GPT image model would report it, undefined for the others. The rule: a text token for every four bytes of the prompt in
 * UTF-8, begun ones counted; no image tokens, since no image goes in; output tokens by quality and area, for each image. A script
 * may say other numbers for what goes in.
 */
export function usageOf(
  call: ProviderCall,
  drawing: Drawing,
  script?: Pick<Directives, "textTokens" | "imageTokens">,
): Usage | undefined {
  if (!isGptImage(call.model) || drawing.quality === undefined) return undefined;
  const text = script?.textTokens ?? Math.ceil(Buffer.byteLength(call.parameters.prompt) / 4);
  const image = script?.imageTokens ?? 0;
  const output = outputTokensOf(call.model, drawing.quality, drawing) * call.indexes.length;
  return {
    prompt_tokens: text + image,
    input_tokens: text + image,
    output_tokens: output,
    total_tokens: text + image + output,
    input_tokens_details: { text_tokens: text, image_tokens: image },
  };
}

/** DALL·E 3 rewrites every prompt and says how; the others do not. */
export function revisedPromptOf({ model, parameters }: ProviderCall): string | undefined {
  if (model !== "dall-e-3") return undefined;
  const mood = parameters.style === "natural" ? "in calm, natural colours" : "in vivid colours with dramatic light";
  return `${parameters.prompt.trim()}, ${mood}, rendered with attention to detail`;
}
