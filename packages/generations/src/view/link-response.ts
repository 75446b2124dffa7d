import type { ImageResponse } from "@darkroom/contracts";
import type { ObjectStore } from "@darkroom/storage";
import type { DescribedImages } from "./describe-images.ts";

/** A link to each image of a response, in their order. */
export const imageLinks = (
  { images }: DescribedImages,
  objects: Pick<ObjectStore, "link">,
  expiresInSeconds: number,
): Promise<string[]> => Promise.all(images.map(({ key, sha256 }) => objects.link(key, { expiresInSeconds, sha256 })));

/** A response body with a link to each image. */
export async function linkResponse(
  described: DescribedImages,
  objects: Pick<ObjectStore, "link">,
  expiresInSeconds: number,
): Promise<ImageResponse> {
  const links = await imageLinks(described, objects, expiresInSeconds);
  const data = described.images.map(({ facts }, position) => ({ b64_json: null, url: links[position], ...facts }));
  return { ...described.head, data };
}
