import type { ProviderCall } from "../image-provider.ts";
import type { PictureFormat } from "../drawing/draw-picture.ts";
import { ProviderError } from "../provider-error.ts";

const qualities = ["low", "medium", "high", "xhigh", "max"] as const;
export type Quality = (typeof qualities)[number];

/** What the sandbox draws, with every `auto` and every default settled. */
export type Drawing = {
  width: number;
  height: number;
  format: PictureFormat;
  /** 0–100, of JPEG and WebP. */
  compression: number;
  background: "opaque" | "transparent";
  /** Of a GIF; else it has no meaning. */
  frames: number;
  frameDurationMs: number;
  quality: Quality | undefined;
  watermark: boolean;
  seed: number;
};

/** The GPT image models are the ones that report usage, quality and background. */
export const isGptImage = (model: string): boolean => /gpt-image|chatgpt-image/.test(model);

/** Ark's word for a square of so many pixels a side. */
const arkSizes: Record<string, number> = { "1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096 };
/** 4096x4096 is the largest that any catalogue model draws, and takes the sandbox seconds. A side may be 16 times the other. */
const mostPixels = 4096 * 4096;
const longestSide = 16_384;
const usualSide = 1024;

const formats: readonly PictureFormat[] = ["png", "jpeg", "webp", "gif", "svg"];
/** What GPT Image 2.6 draws where it is not told, as measured by docs.apiyi.com on 2026-11-09. */
const usualFrames = 9;
const usualFrameDurationMs = 200;
/** Smaller than a GIF of OpenAI's, whose frames share the pixels of 2880x2880: nine frames of that take seconds. */
const usualGifSide = 512;

/** Settles what the caller left open, as the models themselves would. Throws `ProviderError` for a size that is none. */
export function resolveDrawing({ model, parameters }: ProviderCall): Drawing {
  const { size, output_format, quality, background, seed } = parameters;
  const format = formats.find((each) => each === output_format) ?? "png";
  const isOpaque = format === "jpeg" || format === "gif" || background !== "transparent";
  return {
    ...resolveSize(size, format === "gif" ? usualGifSide : usualSide),
    format,
    compression: parameters.output_compression ?? 100,
    background: isOpaque ? "opaque" : "transparent",
    frames: parameters.frame_count ?? usualFrames,
    frameDurationMs: parameters.frame_duration_ms ?? usualFrameDurationMs,
    quality: isGptImage(model) ? (qualities.find((each) => each === quality) ?? "high") : undefined,
    watermark: parameters.watermark ?? false,
    // A model would roll dice for -1. The sandbox has none: the same request is the same picture.
    seed: seed === undefined || seed < 0 ? 0 : seed,
  };
}

function resolveSize(size: string | undefined, usual: number): { width: number; height: number } {
  const side = size === undefined || size === "auto" ? usual : arkSizes[size];
  if (side !== undefined) return { width: side, height: side };
  const [width, height] = (/^(\d{1,5})x(\d{1,5})$/.exec(size ?? "") ?? []).slice(1).map(Number);
  if (!width || !height || Math.max(width, height) > longestSide || width * height > mostPixels) {
    throw new ProviderError({
      code: "invalid_request_error",
      message: `Invalid size: it must be WIDTHxHEIGHT, each from 1 to ${longestSide}, and at most ${mostPixels} pixels.`,
      param: "size",
      retryable: false,
      mayHaveCharged: false,
    });
  }
  return { width, height };
}
