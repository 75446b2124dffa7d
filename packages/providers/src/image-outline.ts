import type { ProviderImage } from "./image-provider.ts";

/** What the structure of a PNG, JPEG or WebP says before a pixel of it is decoded. */
export type ImageOutline = {
  width: number;
  height: number;
  /** 1 for a still image. */
  frames: number;
  /** How often a decoder goes through all of the image: the scans of a JPEG. */
  scans: number;
  /** What a decoder has to hold at once to decode it, in bytes: 0 where a few rows are enough. */
  heldBytes: number;
  /** How many bytes it has from its signature to the mark at its end. What follows in the file is no part of it. */
  length: number;
  /** The same image without its side data: texts, colour profiles, EXIF, XMP, C2PA. */
  essential: Uint8Array;
};

/** What is known of an image that may be stored. */
export type ImageFacts = Pick<ProviderImage, "mediaType" | "width" | "height"> & {
  /** How many of the bytes are the image. Those behind its end mark are not looked at, and are to be thrown away. */
  length: number;
};

/** Thrown for bytes whose structure cannot be followed. Its message says what is wrong, without a name for the image. */
export class BrokenStructureError extends Error {
  override readonly name = "BrokenStructureError";
}

/** Collects parts of a file, in their order. Parts that touch become one, so that millions of them cost no more than a few. */
export function createExcerpt(bytes: Buffer) {
  const parts: [from: number, to: number][] = [];
  return {
    keep(from: number, to: number): void {
      const last = parts.at(-1);
      if (last?.[1] === from) last[1] = to;
      else parts.push([from, to]);
    },
    /** A part of the file where one is enough, else a copy. */
    bytes(): Buffer {
      const kept = parts.map(([from, to]) => bytes.subarray(from, to));
      const [only] = kept;
      return kept.length === 1 && only !== undefined ? only : Buffer.concat(kept);
    },
  };
}
