import type { ImageOutline } from "./image-outline.ts";

/** What a WebP can have at most, and a decoder of another format never needs more for a picture of `maxPixels`. */
const maxSide = 16_384;
/** Six times 3840x2160, and three times 4096x4096, the largest that a model draws. Of an animation, the pixels of all frames. */
export const maxPixels = 50_000_000;
/** Six times as many as any model draws. A frame costs time, however small it is. */
const maxFrames = 100;
/** Encoders write ten. Each costs time, and takes no more than a few bytes. */
const maxScans = 64;
/** What a progressive JPEG of 4096x4096 takes, without subsampling of its colours. */
const maxHeldBytes = 100 * 1024 * 1024;

/** Why an image is larger, or more expensive to decode, than one may be; undefined where it is not. */
export function beyondLimits(image: Omit<ImageOutline, "length" | "essential">): string | undefined {
  const { width, height, frames, scans, heldBytes } = image;
  const sides = `${width}x${height}`;
  const limits: [isBeyond: boolean, reason: string][] = [
    [Math.min(width, height) === 0 || Math.max(width, height) > maxSide, `its sides are ${sides}`],
    [frames > maxFrames, `it has ${frames} frames`],
    [width * height * frames > maxPixels, `it has ${frames} frames of ${sides}`],
    [scans > maxScans, `it has ${scans} scans`],
    [heldBytes > maxHeldBytes, `a decoder would hold ${heldBytes} bytes`],
  ];
  return limits.find(([isBeyond]) => isBeyond)?.[1];
}
