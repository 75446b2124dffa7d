import type { DescribedImages } from "./describe-images.ts";
import type { ImageReader } from "./image-reader.ts";

/**
 * The text of a response body with its images, in parts, so that no image is ever whole in memory. `links`: one for each image, beside its
 * base64. Throws half-way where an image cannot be read. Closes the reader.
 */
export async function* base64Body(
  { head, images }: DescribedImages,
  reader: Pick<ImageReader, "base64" | "close">,
  links?: readonly string[],
): AsyncGenerator<string> {
  try {
    yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
    for (const [position, { facts }] of images.entries()) {
      yield position === 0 ? '{"b64_json":"' : ',{"b64_json":"';
      yield* reader.base64(position);
      const url = links?.[position];
      yield `",${JSON.stringify({ ...(url !== undefined && { url }), ...facts }).slice(1)}`;
    }
    yield "]}";
  } finally {
    reader.close();
  }
}
