import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { StoredImage } from "../records/delivery.ts";

/**
 * Throws `ObjectNotFoundError` where an image is not in the store any more, or stands there with another size than its record says, and
 * `StorageError` where the store does not answer.
 */
export async function assertStored(
  images: readonly Pick<StoredImage, "key" | "bytes">[],
  objects: Pick<ObjectStore, "head">,
): Promise<void> {
  const heads = await Promise.all(images.map(({ key }) => objects.head(key)));
  const gone = images.find(({ bytes }, i) => heads[i]?.size !== bytes);
  if (gone !== undefined) throw new ObjectNotFoundError(gone.key);
}
