import type { GenerationStatus } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { z } from "zod";
import { decodeRecord, type GenerationRecord } from "./generation-record.ts";
import type { Keys } from "../connection/keys.ts";

export type ListOptions = {
  tenant: string;
  status?: GenerationStatus | undefined;
  model?: string | undefined;
  /** The batch that they are lines of. */
  batchId?: string | undefined;
  /** Continue with what is older than this id. */
  after?: string | undefined;
  /** Continue with what is newer than this id. */
  before?: string | undefined;
  limit: number;
};

export type GenerationPage = {
  records: GenerationRecord[];
  /** The last id that was looked at: where to go on, whether or not it was among those asked for. Null when there was none. */
  cursor: string | null;
  hasMore: boolean;
};

/** Records read at once. */
const page = 100;
/** A filter that matches nearly nothing must not read a tenant's whole history in one call: the page may be short, with more to come. */
const maxLooked = 2_000;

/**
 * A tenant's generations, newest first (with `before`: the nearest newer ones, newest first). Null when the id to go on from is not,
 * or no longer, one of the tenant's.
 */
export async function listGenerations(redis: Redis, keys: Keys, options: ListOptions): Promise<GenerationPage | null> {
  const { tenant, status, model, batchId, after, before, limit } = options;
  const index = keys.index(tenant);
  const upwards = before !== undefined && after === undefined;
  const from = after ?? before;
  // Rank within the index, counted from the newest, or from the oldest when going upwards.
  const rank = from === undefined ? null : upwards ? await redis.zrank(index, from) : await redis.zrevrank(index, from);
  if (from !== undefined && rank === null) return null;
  let next = rank === null ? 0 : rank + 1;
  const records: GenerationRecord[] = [];
  let cursor: string | null = null;
  let looked = 0;

  for (;;) {
    const ids = upwards
      ? await redis.zrange(index, `${next}`, `${next + page - 1}`)
      : await redis.zrevrange(index, next, next + page - 1);
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.record(id));
    const answers = (await pipeline.exec()) ?? [];
    for (const [i, id] of ids.entries()) {
      if (records.length === limit || looked === maxLooked) return finish(true);
      looked++;
      next++;
      cursor = id;
      const [error, hash] = answers[i] ?? [];
      if (error) throw error;
      const record = decodeRecord(z.record(z.string(), z.string()).parse(hash));
      if (record === null) continue;
      if (status !== undefined && record.status !== status) continue;
      if (model !== undefined && record.model !== model) continue;
      if (batchId !== undefined && record.batchId !== batchId) continue;
      records.push(record);
    }
    if (ids.length < page) return finish(false);
  }

  function finish(hasMore: boolean): GenerationPage {
    return { records: upwards ? records.toReversed() : records, cursor, hasMore };
  }
}
