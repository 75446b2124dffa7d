import type { GenerationStatus } from "@darkroom/contracts";
import { type Page, readFormerScore, readPage, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { unpackFields } from "../packing/pack-record.ts";
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
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

/** The fields of a record that its owner is shown, and its lane, by which its place in line is found. */
const listedFields = [
  "id",
  "lane",
  "model",
  "batchId",
  "request",
  "upstream",
  "status",
  "createdAt",
  "startedAt",
  "endedAt",
  "expiresAt",
  "attempts",
  "rateLimits",
  "stopped",
  "delivery",
  "missing",
  "error",
  "cost",
] as const;

/** What those fields say. */
export type ListedGeneration = Pick<
  GenerationRecord,
  | "id"
  | "lane"
  | "model"
  | "batchId"
  | "request"
  | "upstream"
  | "status"
  | "createdAtMs"
  | "startedAtMs"
  | "endedAtMs"
  | "expiresAtMs"
  | "attempts"
  | "rateLimits"
  | "stopped"
  | "delivery"
  | "missing"
  | "error"
  | "costMicros"
>;

/**
 * A tenant's generations, newest first (with `before`: the nearest newer ones, newest first). Null when the id to go on from is not one
 * of the tenant's, or has been dropped for so long that it is not remembered.
 */
export async function listGenerations(
  redis: Redis,
  keys: Keys,
  options: ListOptions,
): Promise<Page<ListedGeneration> | null> {
  const { tenant, after, before, limit, signal } = options;
  const upwards = before !== undefined && after === undefined;
  const page = await readPage({
    redis,
    index: keys.index(tenant),
    towards: upwards ? "newest" : "oldest",
    from: after ?? before,
    formerScore: async (id) => readFormerScore(redis, keys.formerPlace(id), tenant),
    limit,
    recordKey: keys.record,
    fields: listedFields,
    filter: filterOf(options),
    packed: { field: "packed", unpack: unpackFields },
    decode: decodeRecord,
    signal,
  });
  return page && upwards ? { ...page, records: page.records.toReversed() } : page;
}

/** The fields that are asked for, and the values that they must have; undefined where none are. */
function filterOf({ status, model, batchId }: Pick<ListOptions, "status" | "model" | "batchId">) {
  const filter = {
    ...(status !== undefined && { status }),
    ...(model !== undefined && { model }),
    ...(batchId !== undefined && { batchId }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}
