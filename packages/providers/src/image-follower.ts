import type { ImageFacts } from "./image-outline.ts";

/**
 * What is known of an image when it was followed to its end, without decoding it. `vouchedForBy`: its checksums are right, or it has none and its
 * structure is whole. `unusable`: why no caller can be given it, as a decoder would find as well.
 */
export type Followed = { facts: ImageFacts; vouchedForBy: "checksums" | "structure" } | { unusable: string };

/** Follows an image while its bytes pass by. */
export type ImageFollower = {
  /** Takes the next bytes, which may be overwritten afterwards. */
  write(bytes: Buffer): void;
  /** Ends the image. Call it once, when all bytes have come. Undefined where only a decoder can tell. */
  end(): Followed | undefined;
};
