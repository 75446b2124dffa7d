import sharp from "sharp";
import { unusableImage } from "./bad-delivery.ts";
import type { ProviderImage } from "./image-provider.ts";
import { isGif, readGif } from "./read-gif.ts";
import { isXml, readSvg } from "./read-svg.ts";

/** Six times 3840x2160: beyond any model, and 400 MB at the worst (a WebP). Of a GIF, the pixels of all frames. */
const maxPixels = 50_000_000;
/** Six times as many as any model draws. A frame costs time, however small it is. */
const maxFrames = 100;

const mediaTypes = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp", gif: "image/gif" } as const;

export type CheckedImage = Pick<ProviderImage, "bytes" | "mediaType" | "width" | "height">;

/**
 * Tells the type and the size of an image from its content, having looked at all of it. PNG, JPEG, WebP and each frame of a GIF are
 * decoded once, to their last row; the pixels are thrown away as they come: PNG and JPEG stay at a few rows of memory, WebP can only be
 * decoded whole (eight bytes a pixel). An SVG is parsed and not drawn (`readSvg`).
 *
 * Throws `ProviderError` `upstream_error`, which may have been charged, for what is empty, cut short, broken, of no type that is named
 * above, or larger than 50 megapixels or 100 frames.
 */
export async function checkImage(bytes: Uint8Array): Promise<CheckedImage> {
  if (bytes.length === 0) throw unusableImage("the image has no bytes");
  const checked = isXml(bytes) ? await checkSvg(bytes) : await checkPixels(bytes);
  return { bytes, ...checked };
}

type Facts = Omit<CheckedImage, "bytes">;

async function checkSvg(bytes: Uint8Array): Promise<Facts> {
  const sides = await readSvg(bytes).catch((error: unknown) => {
    throw unusableImage(`the SVG cannot be used: ${messageOf(error)}`, error);
  });
  return { mediaType: "image/svg+xml", ...sides };
}

async function checkPixels(bytes: Uint8Array): Promise<Facts> {
  const gif = isGif(bytes) ? wholeGif(bytes) : undefined;
  // "error" notices data that ends early. A warning (an odd colour profile, say) does no harm.
  const options = {
    failOn: "error",
    limitInputPixels: maxPixels,
    sequentialRead: true,
    animated: gif !== undefined,
  } as const;
  const { format, width, height } = await sharp(bytes, options)
    .metadata()
    .catch((error: unknown) => {
      throw unusableImage("the image cannot be opened", error);
    });
  const mediaType = isSupported(format) ? mediaTypes[format] : undefined;
  if (mediaType === undefined) throw unusableImage(`the image is of the type ${format}`);
  // JPEG and WebP would be decoded small for a small output, skipping nothing that matters: the stream is read to its end.
  await sharp(bytes, options)
    .resize(8, 8, { fit: "fill", fastShrinkOnLoad: false })
    .raw()
    .toBuffer()
    .catch((error: unknown) => {
      throw unusableImage("the image cannot be decoded", error);
    });
  return { mediaType, width: gif?.width ?? width, height: gif?.height ?? height };
}

function wholeGif(bytes: Uint8Array): { width: number; height: number } {
  try {
    const { width, height, frames } = readGif(bytes);
    if (frames > maxFrames) throw new RangeError(`it has ${frames} frames`);
    if (width * height * frames > maxPixels) throw new RangeError(`it has ${frames} frames of ${width}x${height}`);
    return { width, height };
  } catch (error) {
    throw unusableImage(`the GIF cannot be used: ${messageOf(error)}`, error);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isSupported = (format: string): format is keyof typeof mediaTypes => Object.hasOwn(mediaTypes, format);
