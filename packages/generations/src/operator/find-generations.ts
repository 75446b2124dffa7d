import type { GenerationStatus } from "@darkroom/contracts";
import {
  isDamage,
  type Keys,
  type Page,
  readFormerScore,
  readPage,
  readTenantPages,
  type TenantPages,
  type TenantPagesOptions,
} from "@darkroom/redis";
import type { Redis } from "ioredis";
import { unpackFields } from "../packing/pack-record.ts";
import { decodeOperatorView, operatorFields, type OperatorView } from "./operator-view.ts";

/** What is absent restricts nothing. Times are Unix milliseconds, both included. */
export type FindFilter = {
  tenant?: string | undefined;
  keyId?: string | undefined;
  batchId?: string | undefined;
  lane?: string | undefined;
  model?: string | undefined;
  /** One of these. */
  statuses?: readonly GenerationStatus[] | undefined;
  errorCode?: string | undefined;
  createdFromMs?: number | undefined;
  createdToMs?: number | undefined;
};

export type FindOptions = {
  filter: FindFilter;
  /** The `next` of the page before this one. */
  after?: string | undefined;
  limit: number;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

/** A step of a scan takes Redis less than a millisecond. */
const tenantsAtOnce = 1_000;

/**
 * Finds generations of all tenants: tenant after tenant in the order of their names, the newest of each first. Null where `after` is no
 * place to go on from.
 */
export async function findGenerations(
  redis: Redis,
  keys: Keys,
  { filter, after, limit, signal }: FindOptions,
): Promise<TenantPages<OperatorView> | null> {
  return readTenantPages({
    tenants: await tenantsOf(redis, keys, filter.tenant),
    after,
    limit,
    readTenant: (part) => readTenant(redis, keys, { ...part, filter, signal }),
  });
}

type TenantPart = Parameters<TenantPagesOptions<OperatorView>["readTenant"]>[0] &
  Pick<FindOptions, "filter" | "signal">;

function readTenant(redis: Redis, keys: Keys, options: TenantPart): Promise<Page<OperatorView> | null> {
  const { filter, tenant, from, limit, maxBytes, signal } = options;
  const { keyId, lane, errorCode, statuses, model, batchId, createdFromMs, createdToMs } = filter;
  const [status] = statuses?.length === 1 ? statuses : [];
  return readPage({
    redis,
    index: keys.index(tenant),
    towards: "oldest",
    from,
    scores: { oldest: createdFromMs, newest: createdToMs },
    formerScore: async (id) => readFormerScore(redis, keys.formerPlace(id), tenant),
    limit,
    maxBytes,
    recordKey: keys.record,
    fields: operatorFields,
    // Fields that are never compressed, see `plainFields` in `pack-record.ts`. Redis compares them, so that few records are read.
    filter:
      status === undefined && model === undefined ? undefined : { ...(status && { status }), ...(model && { model }) },
    packed: { field: "packed", unpack: unpackFields },
    decode: decodeOperatorView,
    isWanted: (view) =>
      (keyId === undefined || view.keyId === keyId) &&
      (batchId === undefined || view.batchId === batchId) &&
      (lane === undefined || view.lane === lane) &&
      (statuses === undefined || statuses.includes(view.status)) &&
      (errorCode === undefined || view.error?.code === errorCode),
    signal,
  });
}

/** All tenants that have a generation: `tenantMemory` has those of all but lines, and a line has a record while its batch is active. */
async function tenantsOf(redis: Redis, keys: Keys, only: string | undefined): Promise<Iterable<string>> {
  if (only !== undefined) return [only];
  const tenants = new Set(await tenantsOfBatches(redis, keys));
  let cursor = "0";
  do {
    const [next, fields] = await redis.hscan(keys.tenantMemory, cursor, "COUNT", tenantsAtOnce);
    for (let at = 0; at < fields.length; at += 2) tenants.add(fields[at] ?? "");
    cursor = next;
  } while (cursor !== "0");
  return tenants;
}

async function tenantsOfBatches(redis: Redis, keys: Keys): Promise<string[]> {
  const tenants: string[] = [];
  const ids = await redis.zrange(keys.activeBatches, "0", "-1");
  for (let from = 0; from < ids.length; from += tenantsAtOnce) {
    const pipeline = redis.pipeline();
    for (const id of ids.slice(from, from + tenantsAtOnce)) pipeline.hget(keys.batch(id), "tenant");
    for (const [error, tenant] of (await pipeline.exec()) ?? []) {
      // The record of one batch may be damaged.
      if (error !== null && !isDamage(error)) throw error;
      if (typeof tenant === "string") tenants.push(tenant);
    }
  }
  return tenants;
}
