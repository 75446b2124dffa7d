import type { Prices } from "./price-schema.ts";
import { parseSize } from "./size-rule.ts";

/** Stands for every quality, or every size, that has no entry of its own. */
export const anyOther = "any";

type PerImage = Prices["perImageMicros"];
type BySize = NonNullable<PerImage>[string];

/** Reads `<=2601123`, the key of every size of at most so many pixels; undefined for anything else. */
export function parsePixelBand(key: string): number | undefined {
  const match = /^<=([1-9]\d{0,9})$/.exec(key);
  return match === null ? undefined : Number(match[1]);
}

/**
 * What one image costs, in micros; undefined where no entry says so. Its own quality comes before any quality, and there its own size,
 * the smallest band of pixels that it fits into, and any size. `any` itself may be asked for, and is answered with the price of what
 * has no entry; so may a band.
 */
export function imagePrice(perImage: PerImage, quality: string, size: string): number | undefined {
  const of = (bySize: BySize | undefined) => bySize?.[size] ?? bandPrice(bySize, size) ?? bySize?.[anyOther];
  return of(perImage?.[quality]) ?? of(perImage?.[anyOther]);
}

/**
 * The most that an image of at most so many pixels costs, for a size that is a word for some of them (`2K`). Undefined where a size that
 * it can have has no price.
 */
export function imagePriceUpTo(perImage: PerImage, quality: string, pixels: number): number | undefined {
  for (const bySize of [perImage?.[quality], perImage?.[anyOther]]) {
    if (bySize === undefined) continue;
    const bands = bandsOf(bySize);
    const last = bands.find(([most]) => most >= pixels)?.[1] ?? bySize[anyOther];
    const smaller = [...bands, ...exactOf(bySize)].filter(([most]) => most <= pixels).map(([, micros]) => micros);
    if (last !== undefined) return Math.max(...smaller, last);
  }
  return undefined;
}

function bandPrice(bySize: BySize | undefined, size: string): number | undefined {
  const parsed = parseSize(size);
  if (bySize === undefined || parsed === undefined) return undefined;
  return bandsOf(bySize).find(([most]) => parsed.width * parsed.height <= most)?.[1];
}

/** The bands of a row, the smallest first, each with its price. */
const bandsOf = (bySize: BySize): [most: number, micros: number][] =>
  Object.entries(bySize)
    .flatMap(([key, micros]): [number, number][] => {
      const most = parsePixelBand(key);
      return most === undefined ? [] : [[most, micros]];
    })
    .toSorted(([a], [b]) => a - b);

/** The entries of a row that are of one size, each with its pixels and its price. */
const exactOf = (bySize: BySize): [pixels: number, micros: number][] =>
  Object.entries(bySize).flatMap(([key, micros]): [number, number][] => {
    const size = parseSize(key);
    return size === undefined ? [] : [[size.width * size.height, micros]];
  });

/** For a log line or an error message. */
export function describeImage(model: string, quality: string, size: string): string {
  const atQuality = quality === anyOther ? "any other quality" : `quality '${quality}'`;
  const andSize = size === anyOther ? "any other size" : `size ${size}`;
  return `an image of '${model}' at ${atQuality} and ${andSize}`;
}
