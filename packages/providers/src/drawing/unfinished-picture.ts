import sharp from "sharp";
import type { PictureFormat } from "./draw-picture.ts";

/**
 * A version of a picture as it might look on the way: the same size and format, with `rows` of detail and the rest smoothed over.
 * Made small and large again, which is far quicker than a blur.
 */
export async function unfinishedPicture(
  picture: Uint8Array,
  {
    width,
    height,
    format,
    rows,
  }: { width: number; height: number; format: Exclude<PictureFormat, "gif" | "svg">; rows: number },
): Promise<Buffer> {
  const small = await sharp(picture)
    .resize({ height: Math.min(rows, height) })
    .png()
    .toBuffer();
  return sharp(small).resize(width, height, { fit: "fill", kernel: "cubic" }).toFormat(format).toBuffer();
}
