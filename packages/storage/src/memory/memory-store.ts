import { addAbortSignal, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { assertObjectKey } from "../object-key.ts";
import { checkObjectStore } from "../check-object-store.ts";
import { ObjectNotFoundError } from "../storage-error.ts";
import type { ObjectStore } from "../object-store.ts";
import { ofSize } from "../of-size.ts";
import { type LinkSettings, signedLinks } from "../signed-links.ts";

export type MemoryStoreSettings = { links: LinkSettings };

/** Objects in this process's memory, gone with it: for tests and benches. */
export function createMemoryStore(settings: MemoryStoreSettings, now: () => number = Date.now): ObjectStore {
  const objects = new Map<string, { bytes: Buffer; contentType: string }>();

  const files: Pick<ObjectStore, "put" | "get" | "head" | "delete"> = {
    put: async (key, given, { contentType, size, signal }) => {
      const body = given instanceof Readable ? ofSize(given, size) : given;
      assertObjectKey("put", key);
      if (body instanceof Readable && signal !== undefined) addAbortSignal(signal, body);
      // A copy: the caller's array may change after the put.
      const reading = body instanceof Readable ? buffer(body) : Promise.resolve(Buffer.from(body));
      const bytes = await reading.catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      });
      signal?.throwIfAborted();
      objects.set(key, { bytes, contentType });
    },
    get: async (key, { from = 0 } = {}) => {
      assertObjectKey("get", key);
      const object = objects.get(key);
      if (object === undefined) throw new ObjectNotFoundError(key);
      const wanted = object.bytes.subarray(from);
      const body = Readable.from(wanted.length === 0 ? [] : [wanted], { objectMode: false });
      return { size: object.bytes.length, contentType: object.contentType, body };
    },
    head: async (key) => {
      assertObjectKey("head", key);
      const object = objects.get(key);
      return object === undefined ? null : { size: object.bytes.length, contentType: object.contentType };
    },
    delete: async (keys) => {
      keys.forEach((key) => assertObjectKey("delete", key));
      keys.forEach((key) => objects.delete(key));
    },
  };

  return {
    ...files,
    ...signedLinks(settings.links, files.get, now),
    // Its objects are served by signed links only.
    publicAddresses: async () => [],
    check: () => checkObjectStore(files),
    close: async () => objects.clear(),
  };
}
