import { z } from "zod";
import type { Size } from "./size-rule.ts";

/**
 * All frames of a GIF are drawn as one picture, a sheet. It has the pixels of a picture, its frames share them, and it is charged as
 * one.
 */
export const gifSheetsSchema = z.strictObject({
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
