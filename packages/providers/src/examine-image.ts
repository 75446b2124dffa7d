import sharp, { type Metadata } from "sharp";
import { isGif, readGif } from "./follow-gif.ts";
import { isJpeg, readJpeg } from "./follow-jpeg.ts";
import { isWebp, readWebp } from "./follow-webp.ts";
import { beyondLimits, maxPixels } from "./image-limits.ts";
import type { ImageFacts, ImageOutline } from "./image-outline.ts";
import { isPng, readPng } from "./read-png.ts";
import { isXml, readSvg } from "./read-svg.ts";

/** Thrown for bytes that are no image which a caller may be given. Its message is for the log. */
export class UnusableImageError extends Error {
  override readonly name = "UnusableImageError";
}

/**
 * Tells the type and the size of an image from its content, having looked at all of it. First its structure is followed, which costs nothing
 * however large the image says that it is. Then its pixels are decoded once and thrown away as they come. Texts, profiles, EXIF and the
 * like are not looked at: no caller needs them to be whole, and they may be made to cost anything. An SVG is parsed and not drawn.
 *
 * @throws {UnusableImageError} for what is empty, cut short, broken, of no type that is named above, or beyond one of the limits
 */
export async function examineImage(bytes: Buffer): Promise<ImageFacts> {
  if (bytes.length === 0) throw new UnusableImageError("the image has no bytes");
  if (isXml(bytes)) {
    const sides = await readSvg(bytes).catch((error: unknown) => refuse("the SVG cannot be used", error));
    return { mediaType: "image/svg+xml", ...sides, length: bytes.length };
  }
  const format = formats.find(({ begins }) => begins(bytes));
  if (format === undefined) throw new UnusableImageError(`the image begins with ${bytes.toString("hex", 0, 8)}`);
  const outline = outlineOf(bytes, format);
  await decode(outline, format);
  const { width, height, length } = outline;
  return { mediaType: `image/${format.name}`, width, height, length };
}

type Format = {
  name: "png" | "jpeg" | "webp" | "gif";
  begins: (bytes: Buffer) => boolean;
  outline: (bytes: Buffer) => ImageOutline;
};

const formats: Format[] = [
  { name: "png", begins: isPng, outline: readPng },
  { name: "jpeg", begins: isJpeg, outline: readJpeg },
  { name: "webp", begins: isWebp, outline: readWebp },
  { name: "gif", begins: isGif, outline: readGif },
];

function outlineOf(bytes: Buffer, { name, outline: read }: Format): ImageOutline {
  try {
    const outline = read(bytes);
    refuseBeyondLimits(outline);
    return outline;
  } catch (error) {
    return refuse(`the ${name.toUpperCase()} cannot be used`, error);
  }
}

function refuseBeyondLimits(outline: ImageOutline): void {
  const reason = beyondLimits(outline);
  if (reason !== undefined) throw new RangeError(reason);
}

async function decode(outline: ImageOutline, { name }: Format): Promise<void> {
  const { essential, frames } = outline;
  const options = {
    // "error" notices data that ends early. A warning (an odd palette, say) does no harm.
    failOn: "error",
    limitInputPixels: maxPixels,
    sequentialRead: true,
    animated: name === "gif",
    ignoreIcc: true,
  } as const;
  const opened = await sharp(essential, options)
    .metadata()
    .catch((error: unknown) => refuse("the image cannot be opened", error));
  if (opened.format !== name) throw new UnusableImageError(`the image is of the type ${opened.format}`);
  refuseIfLarger(outline, opened);
  await sharp(essential, options)
    // Every byte is decoded. Of a WebP, `fastShrinkOnLoad` keeps a few rows in memory instead of eight bytes a pixel; of a JPEG it would
    // leave out the last step for most of the pixels.
    .resize(8, 8 * frames, { fit: "fill", fastShrinkOnLoad: name === "webp" })
    .raw()
    .toBuffer()
    .catch((error: unknown) => refuse("the image cannot be decoded", error));
}

/** A decoder may find a larger image than the structure told of, such as a GIF with a frame that is larger than its screen. */
function refuseIfLarger(outline: ImageOutline, opened: Metadata): void {
  const [width, height] = [opened.width, opened.pageHeight ?? opened.height];
  const times = (width * height) / (outline.width * outline.height);
  try {
    refuseBeyondLimits({ ...outline, width, height, heldBytes: outline.heldBytes * times });
  } catch (error) {
    refuse("the image cannot be used", error);
  }
}

function refuse(what: string, error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new UnusableImageError(`${what}: ${reason}`, { cause: error });
}
