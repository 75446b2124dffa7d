import pMap from "p-map";
import type { StorageError } from "./storage-error.ts";

/** Removes objects one by one, some at a time, whatever becomes of the others. Answers those that are left, and why. */
export async function deleteEach(
  keys: readonly string[],
  deleteOne: (key: string) => Promise<StorageError | null>,
  { atOnce }: { atOnce: number },
): Promise<Map<string, StorageError>> {
  const left = new Map<string, StorageError>();
  const remove = async (key: string) => {
    const error = await deleteOne(key);
    if (error !== null) left.set(key, error);
  };
  await pMap(keys, remove, { concurrency: atOnce });
  return left;
}
