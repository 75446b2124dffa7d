import { randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import type { ObjectStore } from "./object-store.ts";
import { StorageError } from "./storage-error.ts";

/**
 * Writes, reads and deletes an object of its own, as work will do it; throws `StorageError`. The last step asks for what is gone:
 * S3 answers "forbidden" instead of "not found" to a key that may not list the bucket.
 */
export async function checkObjectStore(store: Pick<ObjectStore, "put" | "get" | "head" | "delete">): Promise<void> {
  const key = `darkroom-check/${randomUUID()}`;
  const written = Buffer.from(`Darkroom wrote this to see whether it can. ${key}`);
  try {
    await store.put(key, written, { contentType: "text/plain" });
    const read = await buffer((await store.get(key)).body);
    if (!read.equals(written))
      throw new Error(`${read.length} bytes came back where ${written.length} other ones were written.`);
    await store.delete([key]);
    if ((await store.head(key)) !== null) throw new Error("The object was still there after its deletion.");
  } catch (error) {
    if (error instanceof StorageError) {
      const { operation, retryable, advice, detail = "" } = error;
      throw new StorageError({
        operation: "check",
        retryable,
        advice,
        detail: `${operation}: ${detail}`,
        cause: error,
      });
    }
    const advice = error instanceof Error ? error.message : String(error);
    throw new StorageError({ operation: "check", retryable: false, advice, cause: error });
  }
}
