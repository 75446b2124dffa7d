import type { ImageResponse } from "@darkroom/contracts";
import type { ObjectStore } from "@darkroom/storage";
import type { DescribedImages } from "./describe-images.ts";

/** A response body with a link to each image. */
export async function linkResponse(
  { head, images }: DescribedImages,
  objects: Pick<ObjectStore, "link">,
  expiresInSeconds: number,
): Promise<ImageResponse> {
  const data = images.map(async ({ key, facts }) => {
    const url = await objects.link(key, { expiresInSeconds });
    return { b64_json: null, url, ...facts };
  });
  return { ...head, data: await Promise.all(data) };
}
