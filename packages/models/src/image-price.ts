import type { Prices } from "./price-schema.ts";

/** Stands for every quality, or every size, that has no entry of its own. */
export const anyOther = "any";

/**
 * What one image costs, in micros; undefined where no entry says so. Its own quality and size come first, then the quality at any
 * size, then any quality. `any` itself may be asked for, and is answered with the price of what has no entry.
 */
export function imagePrice(perImage: Prices["perImageMicros"], quality: string, size: string): number | undefined {
  const bySize = perImage?.[quality];
  return bySize?.[size] ?? bySize?.[anyOther] ?? perImage?.[anyOther]?.[size] ?? perImage?.[anyOther]?.[anyOther];
}

/** For a log line or an error message. */
export function describeImage(model: string, quality: string, size: string): string {
  const atQuality = quality === anyOther ? "any other quality" : `quality '${quality}'`;
  const andSize = size === anyOther ? "any other size" : `size ${size}`;
  return `an image of '${model}' at ${atQuality} and ${andSize}`;
}
