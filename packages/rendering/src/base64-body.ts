import type { ObjectStore, OpenObject } from "@darkroom/storage";
import { base64Chunks } from "./base64-chunks.ts";
import type { DescribedImages } from "./describe-images.ts";

/**
 * The text of a response body with the images in it, in parts: however many and however large, no image is ever whole in memory.
 * `first` is the first image where it is open already. Throws `ObjectNotFoundError` half-way where another is gone.
 */
export async function* base64Body(
  { head, images }: DescribedImages,
  objects: Pick<ObjectStore, "get">,
  first?: OpenObject,
): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
  for (const [position, { key, facts }] of images.entries()) {
    yield position === 0 ? '{"b64_json":"' : ',{"b64_json":"';
    const { body } = (position === 0 ? first : undefined) ?? (await objects.get(key));
    yield* base64Chunks(body);
    yield `","url":null,${JSON.stringify(facts).slice(1)}`;
  }
  yield "]}";
}
