import type { Usage } from "@darkroom/contracts";
import type { ProviderCall } from "../image-provider.ts";
import type { Directives } from "../script/directives.ts";
import { type Drawing, isGptImage } from "./request.ts";

/** OpenAI's own output tokens for 1024x1024; its other sizes follow the area (1536x1024 at medium: 1584). */
const tokensPerSquare = { low: 272, medium: 1056, high: 4160 };

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
  const squares = (drawing.width * drawing.height) / (1024 * 1024);
  const output = Math.round(tokensPerSquare[drawing.quality] * squares) * call.indexes.length;
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
