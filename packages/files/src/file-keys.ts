import { filePurposes, type ListedFilePurpose } from "@darkroom/contracts";
import { keyNames } from "@darkroom/redis";

/** The names of what files have in Redis, under the prefix that the queue has, too; and of their bytes in the object store. */
export function createFileKeys(prefix: string) {
  const name = keyNames(prefix);
  /** ZSET of ids by their creation: those of a tenant, or of them those of one purpose. */
  const index = (tenant: string, purpose?: ListedFilePurpose) =>
    purpose === undefined ? name("files", tenant) : name("files", tenant, purpose);

  return {
    /** Begins every name: scripts make the names of what a tenant holds of it. */
    root: `${prefix}:`,
    /** HASH: one file. */
    record: (id: string) => name("file", id),
    /** STRING `tenant score`: where a file stood in its tenant's indexes. Lives some minutes from its removal. */
    formerPlace: (id: string) => name("former-place", id),
    index,
    indexes: (tenant: string) => [index(tenant), ...filePurposes.map((purpose) => index(tenant, purpose))],
    /** ZSET of objects by when they are no longer wanted: when the file expires, or when its upload is believed to be dead. */
    expiring: name("files-expiring"),
    /** ZSET of objects whose file is gone, by when it went: they are yet to be removed from the store. */
    dropping: name("files-dropping"),
  };
}

export type FileKeys = ReturnType<typeof createFileKeys>;

/** Where the bytes of a file are. Images are beside it, in folders named by their generation. */
export const fileObject = (tenant: string, id: string): string => `${tenant}/files/${id}`;

/** Whose object it is. A tenant has no `/` in its name. */
export function fileOfObject(object: string): { tenant: string; id: string } {
  const [tenant = "", , id = ""] = object.split("/");
  return { tenant, id };
}
