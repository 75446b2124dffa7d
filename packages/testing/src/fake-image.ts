import { randomBytes } from "node:crypto";
import sharp from "sharp";

export type FakeImageFormat = "png" | "jpeg" | "webp";

const drawn = new Map<string, Promise<Buffer>>();

/** A real, flat picture, drawn once for each size and format. Small in bytes, whatever its size. */
export function fakeImage(width: number, height: number, format: FakeImageFormat): Promise<Buffer> {
  const key = `${width}x${height}.${format}`;
  const known = drawn.get(key);
  if (known !== undefined) return known;
  const picture = sharp({ create: { width, height, channels: 3, background: "#4682b4" } })
    .toFormat(format)
    .toBuffer();
  drawn.set(key, picture);
  return picture;
}

/** A picture whose every pixel is random: it is as large in bytes as it looks, three for each pixel. */
export function noisyImage(width: number, height: number): Promise<Buffer> {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** What can be wrong with an image that a provider delivers. */
export const imageFaults = ["truncated", "empty", "garbage", "mislabelled", "tiff"] as const;
export type ImageFault = (typeof imageFaults)[number];

/** The bytes of an image with the fault given, or without one. */
export async function faultyImage(bytes: Buffer, fault: ImageFault | undefined): Promise<Buffer> {
  switch (fault) {
    case "truncated":
      return bytes.subarray(0, Math.floor(bytes.length * 0.6));
    case "empty":
      return Buffer.alloc(0);
    case "garbage":
      return Buffer.from("this is not an image");
    case "tiff":
      return sharp(bytes).tiff().toBuffer();
    default:
      return bytes;
  }
}
