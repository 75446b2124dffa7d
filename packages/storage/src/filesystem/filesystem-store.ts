import { open, readFile, stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { checkObjectStore } from "../check-object-store.ts";
import { deleteEach } from "../delete-each.ts";
import { assertObjectKey } from "../object-key.ts";
import { ObjectNotFoundError, ObjectsLeftError, type StorageError } from "../storage-error.ts";
import type { ObjectStore } from "../object-store.ts";
import { ofSize } from "../of-size.ts";
import { type LinkSettings, signedLinks } from "../signed-links.ts";
import { removeFile, removeStale, writeAtomically } from "./atomic-file.ts";
import { codeOf, filesystemError } from "./filesystem-error.ts";

export type FilesystemStoreSettings = {
  /** Made when missing. Several processes may share it. */
  directory: string;
  links: LinkSettings;
};

/** Files that are removed at a time: libuv has four threads for it, and reading images needs them, too. */
const filesAtOnce = 2;

/** The ending of a key says the content type of most objects, and then it is written nowhere else: a picture takes half the writes. */
const typeByEnding = new Map([
  [".png", "image/png"],
  [".jpeg", "image/jpeg"],
  [".webp", "image/webp"],
  [".gif", "image/gif"],
  [".svg", "image/svg+xml"],
  [".jsonl", "application/jsonl"],
]);

/**
 * Objects as plain files under `objects/`, named by their keys, and half-written files in `incoming/`. A content type that the key's
 * ending does not say is in a file of the same name under `content-types/`.
 */
export function createFilesystemStore(settings: FilesystemStoreSettings, now: () => number = Date.now): ObjectStore {
  const directory = resolve(settings.directory);
  const objects = join(directory, "objects");
  const contentTypes = join(directory, "content-types");
  const incoming = join(directory, "incoming");

  async function contentTypeOf(key: string): Promise<string> {
    try {
      return await readFile(join(contentTypes, key), "utf8");
    } catch (error) {
      const said = typeByEnding.get(extname(key));
      if (said !== undefined && isAbsent(error)) return said;
      throw error;
    }
  }

  async function deleteOne(key: string): Promise<StorageError | null> {
    try {
      await removeFile(join(objects, key), objects);
      await removeFile(join(contentTypes, key), contentTypes);
      return null;
    } catch (error) {
      return filesystemError("delete", key, directory, error);
    }
  }

  const files: Pick<ObjectStore, "put" | "get" | "head" | "delete"> = {
    put: async (key, given, { contentType, size, signal }) => {
      const body = given instanceof Readable ? ofSize(given, size) : given;
      try {
        assertObjectKey("put", key);
        const isSaid = typeByEnding.get(extname(key)) === contentType;
        // The type goes first: without an object it means nothing, and an object is never without its type.
        if (isSaid) await removeFile(join(contentTypes, key), contentTypes);
        else await writeAtomically(join(contentTypes, key), Buffer.from(contentType), { incoming, signal });
        await writeAtomically(join(objects, key), body, { incoming, signal });
      } catch (error) {
        const sourceError = body instanceof Readable ? body.errored : null;
        if (body instanceof Readable) body.destroy();
        signal?.throwIfAborted();
        if (sourceError !== null || codeOf(error) === "") throw error;
        throw filesystemError("put", key, directory, error);
      }
    },
    get: async (key, { from = 0 } = {}) => {
      assertObjectKey("get", key);
      const file = await open(join(objects, key)).catch((error: unknown) => {
        if (isAbsent(error)) throw new ObjectNotFoundError(key, { cause: error });
        throw filesystemError("get", key, directory, error);
      });
      try {
        const found = await file.stat();
        if (!found.isFile()) throw new ObjectNotFoundError(key);
        return {
          size: found.size,
          contentType: await contentTypeOf(key),
          body: file.createReadStream({ start: from }),
        };
      } catch (error) {
        await file.close();
        // Without its type the object was deleted just now.
        if (isAbsent(error)) throw new ObjectNotFoundError(key, { cause: error });
        throw error instanceof ObjectNotFoundError ? error : filesystemError("get", key, directory, error);
      }
    },
    head: async (key) => {
      assertObjectKey("head", key);
      try {
        const found = await stat(join(objects, key));
        return found.isFile() ? { size: found.size, contentType: await contentTypeOf(key) } : null;
      } catch (error) {
        if (isAbsent(error)) return null;
        throw filesystemError("head", key, directory, error);
      }
    },
    delete: async (keys) => {
      keys.forEach((key) => assertObjectKey("delete", key));
      const left = await deleteEach(keys, deleteOne, { atOnce: filesAtOnce });
      if (left.size > 0) throw new ObjectsLeftError(left);
    },
  };

  return {
    ...files,
    ...signedLinks(settings.links, files.get, now),
    // Its objects are served by signed links only.
    publicAddresses: async () => [],
    check: async () => {
      await checkObjectStore(files);
      await removeStale(incoming, now());
    },
    close: async () => {},
  };
}

/** A folder on the way that is a file (ENOTDIR) holds no object either. */
const isAbsent = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(codeOf(error));
