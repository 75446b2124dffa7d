import type { GenerationStatus } from "@darkroom/contracts";
import { type Page, readFormerScore, readPage, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { decodeRecord, type GenerationRecord } from "./generation-record.ts";

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

/**
 * A tenant's generations, newest first (with `before`: the nearest newer ones, newest first). Null when the id to go on from is not one
 * of the tenant's, or has been dropped for so long that it is not remembered.
 */
export async function listGenerations(
  redis: Redis,
  keys: Keys,
  options: ListOptions,
): Promise<Page<GenerationRecord> | null> {
  const { tenant, status, model, batchId, after, before, limit } = options;
  const upwards = before !== undefined && after === undefined;
  const page = await readPage({
    redis,
    index: keys.index(tenant),
    towards: upwards ? "newest" : "oldest",
    from: after ?? before,
    formerScore: async (id) => readFormerScore(redis, keys.formerPlace(id), tenant),
    limit,
    recordKey: keys.record,
    decode: decodeRecord,
    isWanted: (record) =>
      (status === undefined || record.status === status) &&
      (model === undefined || record.model === model) &&
      (batchId === undefined || record.batchId === batchId),
  });
  return page && upwards ? { ...page, records: page.records.toReversed() } : page;
}
