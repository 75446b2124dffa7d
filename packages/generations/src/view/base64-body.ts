import type { ObjectStore, OpenObject } from "@darkroom/storage";
import { base64Chunks } from "./base64-chunks.ts";
import type { DescribedImages } from "./describe-images.ts";

type Base64BodyOptions = {
  /** The first image, where it is open already. */
  first?: OpenObject;
  /** A link to each image beside its base64. Absent: base64 alone. */
  links?: readonly string[] | undefined;
};

/**
 * The text of a response body with its images, in parts, so that no image is ever whole in memory. Throws `ObjectNotFoundError` half-way
 * where an image that is not open yet is gone.
 */
export async function* base64Body(
  { head, images }: DescribedImages,
  objects: Pick<ObjectStore, "get">,
  { first, links }: Base64BodyOptions = {},
): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
  for (const [position, { key, facts }] of images.entries()) {
    yield position === 0 ? '{"b64_json":"' : ',{"b64_json":"';
    const { body } = (position === 0 ? first : undefined) ?? (await objects.get(key));
    yield* base64Chunks(body);
    const url = links?.[position];
    yield `",${JSON.stringify({ ...(url !== undefined && { url }), ...facts }).slice(1)}`;
  }
  yield "]}";
}
