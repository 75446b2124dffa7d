import sharp from "sharp";
import { unusableImage } from "./bad-delivery.ts";
import type { ProviderImage } from "./image-provider.ts";

/** Six times 3840x2160: beyond any model, and 400 MB at the worst (a WebP). */
const maxPixels = 50_000_000;

const mediaTypes = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp" } as const;

export type CheckedImage = Pick<ProviderImage, "bytes" | "mediaType" | "width" | "height">;

/**
 * Decodes an image once, to its last row, and tells its type and size from its content. `claimed` is the media type that the
 * upstream gave it, where it gave one of an image. The pixels are thrown away as they come: PNG and JPEG stay at a few rows of memory,
 * WebP can only be decoded whole (eight bytes a pixel).
 *
 * Throws `ProviderError` `upstream_error`, which may have been charged, for what is empty, cut short, broken, neither PNG, JPEG nor
 * WebP, larger than 50 megapixels, or not of the type that it claims.
 */
export async function checkImage(bytes: Uint8Array, claimed?: string): Promise<CheckedImage> {
  if (bytes.length === 0) throw unusableImage("the image has no bytes");
  // "error" notices data that ends early. A warning (an odd colour profile, say) does no harm.
  const options = { failOn: "error", limitInputPixels: maxPixels, sequentialRead: true } as const;
  const { format, width, height } = await sharp(bytes, options)
    .metadata()
    .catch((error: unknown) => {
      throw unusableImage("the image cannot be opened", error);
    });
  const mediaType = isSupported(format) ? mediaTypes[format] : undefined;
  if (mediaType === undefined) throw unusableImage(`the image is of the type ${format}`);
  if (claimed?.startsWith("image/") && claimed.replace("/jpg", "/jpeg") !== mediaType) {
    throw unusableImage(`the image claims to be ${claimed} and is ${mediaType}`);
  }
  // JPEG and WebP would be decoded small for a small output, skipping nothing that matters: the stream is read to its end.
  await sharp(bytes, options)
    .resize(8, 8, { fit: "fill", fastShrinkOnLoad: false })
    .raw()
    .toBuffer()
    .catch((error: unknown) => {
      throw unusableImage("the image cannot be decoded", error);
    });
  return { bytes, mediaType, width, height };
}

const isSupported = (format: string): format is keyof typeof mediaTypes => Object.hasOwn(mediaTypes, format);
