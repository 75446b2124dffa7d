import { type Command, InvalidArgumentError, type OptionValues } from "@commander-js/extra-typings";
import type { ImageRequest } from "@darkroom/contracts";

/** The options that say how a prompt is drawn. What a model takes of them is the service's to say. */
export function withPromptOptions<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
) {
  return command
    .option("--model <model>", "the model that draws; by default the service's default model")
    .option("--size <size>", "a size such as 1024x1024, or auto")
    .option("--quality <quality>", "low, medium, high, xhigh, max, standard, hd or auto")
    .option("--complexity <complexity>", "how much is planned first: low, medium or high")
    .option("--n <n>", "images per prompt", parseNumber)
    .option("--output-format <format>", "png, jpeg, webp, gif or svg")
    .option("--output-compression <percent>", "for jpeg and webp", parseNumber)
    .option("--frame-count <count>", "frames of a GIF", parseNumber)
    .option("--frame-duration-ms <milliseconds>", "how long each frame of a GIF is shown", parseNumber)
    .option("--svg-model <model>", "the model that writes an SVG")
    .option("--background <background>", "transparent, opaque or auto")
    .option("--style <style>", "vivid or natural")
    .option("--moderation <moderation>", "low or auto")
    .option("--seed <seed>", "the same seed draws a similar image again", parseNumber)
    .option("--guidance-scale <scale>", "how closely the prompt is followed", parseNumber)
    .option("--watermark <yes|no>", "whether the image has a watermark", parseFlag);
}

export type PromptOptions = {
  model?: string | undefined;
  size?: string | undefined;
  quality?: string | undefined;
  complexity?: string | undefined;
  n?: number | undefined;
  outputFormat?: string | undefined;
  outputCompression?: number | undefined;
  frameCount?: number | undefined;
  frameDurationMs?: number | undefined;
  svgModel?: string | undefined;
  background?: string | undefined;
  style?: string | undefined;
  moderation?: string | undefined;
  seed?: number | undefined;
  guidanceScale?: number | undefined;
  watermark?: boolean | undefined;
};

/** What no option says: the prompt itself, its user, what has parts of its own, and how the answer comes. */
type NoOption =
  | "prompt"
  | "response_format"
  | "user"
  | "safety_identifier"
  | "sequential_image_generation"
  | "sequential_image_generation_options"
  | "optimize_prompt_options"
  | "stream"
  | "partial_images"
  | "job";

/** The options as the fields of a request. What was not said is undefined, and so is not sent. */
export function promptBody(options: PromptOptions): Record<string, unknown> {
  const body = {
    model: options.model,
    size: options.size,
    quality: options.quality,
    complexity: options.complexity,
    n: options.n,
    output_format: options.outputFormat,
    output_compression: options.outputCompression,
    frame_count: options.frameCount,
    frame_duration_ms: options.frameDurationMs,
    svg: options.svgModel === undefined ? undefined : { model: options.svgModel },
    background: options.background,
    style: options.style,
    moderation: options.moderation,
    seed: options.seed,
    guidance_scale: options.guidanceScale,
    watermark: options.watermark,
  } satisfies Record<Exclude<keyof ImageRequest, NoOption>, unknown>;
  return body;
}

function parseNumber(text: string): number {
  if (/^-?\d{1,10}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number.");
}

function parseFlag(text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new InvalidArgumentError("It must be yes or no.");
}
