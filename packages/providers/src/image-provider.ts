import type { ImageParameters, SvgUsage, Usage } from "@darkroom/contracts";
import type { ProviderError } from "./provider-error.ts";
import type { ImageBytes } from "./spool/spooled-bytes.ts";

/** Where images come from. An adapter translates one call into the upstream's protocol and back, and keeps nothing in between. */
export type ImageProvider = {
  readonly name: string;
  /**
   * Draws the images asked for, and says of each that did not come why. Throws `ProviderError` when the call failed as a whole.
   * Has connect, header, idle and total timeouts of its own. When `call.signal` aborts, rejects with the signal's own
   * reason. The call may have been charged all the same.
   */
  generate(call: ProviderCall): Promise<ProviderReply>;
};

export type ProviderCall = {
  generationId: string;
  /** The upstream's own id of the model. */
  model: string;
  /** Validated against the catalogue; `n` counts the caller's whole request, `indexes` what this call is to draw. */
  parameters: ImageParameters;
  /** Positions, from 0, of the wanted images within the request: fewer than `n` where an earlier attempt delivered some. */
  indexes: readonly number[];
  signal: AbortSignal;
  /** How many unfinished versions of each image to show on the way, where the upstream draws any. Absent: none. */
  partialImages?: number | undefined;
  /** Shows the `partialIndex`-th of image `index`, from 0, before `generate` settles. Must settle soon; may fail without harm. */
  onPartial?: ((partial: PartialImage) => Promise<void>) | undefined;
};

export type ProviderReply = {
  images: ProviderImage[];
  /** What was asked for and not delivered, and why: never dropped, and retried where its error says so. */
  missing: { index: number; error: ProviderError }[];
  /** As the upstream resolved them, where it says so (an `auto` that became `high`). */
  background?: string | undefined;
  /** Of the images that do not say their own. */
  quality?: string | undefined;
  /** The tokens of all images that the upstream drew; undefined where those of one are not known. */
  usage?: Usage | undefined;
  /** How many images that is: more than `images` where some came that no request asked for or that are unusable. Absent: as many. */
  drawn?: number | undefined;
  /** Of the model that wrote an SVG, apart from `usage`. */
  svgUsage?: SvgUsage | undefined;
  /** What was wrong with the answer and kept nothing from being delivered, such as a PNG that is labelled as JPEG. For the log. */
  oddities?: readonly string[] | undefined;
};

export type ProviderImage = {
  index: number;
  /** A whole image that has been checked once, of the type that `mediaType` claims. The caller of `generate` releases it. */
  bytes: ImageBytes;
  mediaType: "image/png" | "image/jpeg" | "image/webp" | "image/gif" | "image/svg+xml";
  /** Whole pixels: of each frame of a GIF, of an SVG as it says them. */
  width: number;
  height: number;
  revisedPrompt?: string | undefined;
  /** As the upstream resolved it for this image. */
  quality?: string | undefined;
};

export type PartialImage = Omit<ProviderImage, "revisedPrompt" | "quality"> & { partialIndex: number };
