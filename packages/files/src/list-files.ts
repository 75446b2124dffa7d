import type { FilePurpose } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { FileKeys } from "./file-keys.ts";
import { type FileRecord, decodeFile } from "./file-record.ts";

export type ListFilesOptions = {
  tenant: string;
  /** Left out: files of any purpose. */
  purpose?: FilePurpose | undefined;
  /** Go on behind the file of this id. */
  after?: string | undefined;
  limit: number;
  /** By creation: `asc` begins with the oldest. */
  order: "asc" | "desc";
};

export type FilePage = { records: FileRecord[]; hasMore: boolean };

/** Records read at once: a millisecond or two of Redis. */
const page = 200;

export type CreateListFilesOptions = {
  redis: Redis;
  keys: Pick<FileKeys, "record" | "index">;
  now: () => Promise<number>;
};

export function createListFiles({ redis, keys, now }: CreateListFilesOptions) {
  async function readAll(ids: readonly string[]): Promise<(FileRecord | null)[]> {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.record(id));
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, fields]) => {
      if (error) throw error;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what HGETALL answers; a pipeline's answers are untyped
      return decodeFile(fields as Record<string, string>);
    });
  }

  return async ({ tenant, purpose, after, limit, order }: ListFilesOptions): Promise<FilePage | null> => {
    const nowMs = await now();
    const index = keys.index(tenant, purpose);
    const rankOf = (id: string) => (order === "asc" ? redis.zrank(index, id) : redis.zrevrank(index, id));
    const rank = after === undefined ? -1 : await rankOf(after);
    if (rank === null) return null;
    const records: FileRecord[] = [];
    for (let next = rank + 1; ; next += page) {
      const last = next + page - 1;
      const ids =
        order === "asc" ? await redis.zrange(index, `${next}`, `${last}`) : await redis.zrevrange(index, next, last);
      for (const record of await readAll(ids)) {
        // One that has expired may be there until the next sweep.
        if (record === null || record.expiresAtMs <= nowMs) continue;
        if (records.length === limit) return { records, hasMore: true };
        records.push(record);
      }
      if (ids.length < page) return { records, hasMore: false };
    }
  };
}
