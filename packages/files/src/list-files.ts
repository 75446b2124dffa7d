import type { ListedFilePurpose } from "@darkroom/contracts";
import { type Page, readFormerScore, readPage } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { FileKeys } from "./file-keys.ts";
import { decodeFile, type FileRecord } from "./file-record.ts";

export type ListFilesOptions = {
  tenant: string;
  /** Left out: files of any purpose. */
  purpose?: ListedFilePurpose | undefined;
  /** Go on behind the file of this id. */
  after?: string | undefined;
  limit: number;
  /** By creation: `asc` begins with the oldest. */
  order: "asc" | "desc";
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

export type CreateListFilesOptions = {
  redis: Redis;
  keys: Pick<FileKeys, "record" | "index" | "formerPlace">;
  now: () => Promise<number>;
};

/** Returns the function that reads a page of a tenant's files. It answers null for a file to go on from that is not one of them. */
export function createListFiles({ redis, keys, now }: CreateListFilesOptions) {
  return async ({
    tenant,
    purpose,
    after,
    limit,
    order,
    signal,
  }: ListFilesOptions): Promise<Page<FileRecord> | null> => {
    const nowMs = await now();
    return readPage({
      redis,
      index: keys.index(tenant, purpose),
      towards: order === "asc" ? "newest" : "oldest",
      from: after,
      formerScore: async (id) => readFormerScore(redis, keys.formerPlace(id), tenant),
      limit,
      recordKey: keys.record,
      decode: decodeFile,
      // A file that has expired may be there until the next sweep.
      isWanted: ({ expiresAtMs }) => expiresAtMs > nowMs,
      // These records are small: Redis reads so many in a millisecond or two.
      readAtOnce: 200,
      signal,
    });
  };
}
