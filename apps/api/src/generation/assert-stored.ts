import type { StoredImage } from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";

/** Throws `ObjectNotFoundError` where one of some images is not in the store any more, and `StorageError` where the store cannot tell. */
export async function assertStored(
  images: readonly Pick<StoredImage, "key">[],
  objects: Pick<ObjectStore, "head">,
): Promise<void> {
  const heads = await Promise.all(images.map(({ key }) => objects.head(key)));
  const gone = images.find((_, i) => heads[i] === null);
  if (gone !== undefined) throw new ObjectNotFoundError(gone.key);
}
