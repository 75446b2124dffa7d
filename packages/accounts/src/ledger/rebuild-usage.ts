import { randomUUID } from "node:crypto";
import type { LedgerEntry } from "@darkroom/contracts";
import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { countEntry, type DayUsage } from "./count-usage.ts";
import { LedgerError } from "./ledger-error.ts";
import { keptSeconds, type LedgerKeys } from "./ledger-keys.ts";
import { dayOf } from "./usage-days.ts";

/** Longer than any rebuild takes to write. After it the data of a rebuild that died is gone. */
const unfinishedSeconds = 3_600;

export type RebuildUsageDependencies = {
  redis: Redis;
  keys: LedgerKeys;
  /** The entries of a day, each once. */
  read: (day: string) => AsyncIterable<LedgerEntry>;
};

/** What the usage of a day was computed from. */
export type Rebuilt = { entries: number; tenants: number };

/**
 * Recomputes the usage of a day from its ledger, and replaces the old one in a single step. Throws `LedgerError`
 * `day_not_over` for today, and `missing` where there are no entries to replace existing usage with.
 */
export async function rebuildUsage({ redis, keys, read }: RebuildUsageDependencies, day: string): Promise<Rebuilt> {
  if (day >= dayOf(await redisTime(redis))) {
    throw new LedgerError("day_not_over", `${day} is not over. Its usage can be rebuilt from the next day of UTC on.`);
  }
  const usage: DayUsage = new Map();
  let entries = 0;
  for await (const entry of read(day)) {
    countEntry(usage, entry);
    entries++;
  }
  const before = await redis.smembers(keys.usageTenants(day));
  if (entries === 0 && before.length > 0) {
    throw new LedgerError(
      "missing",
      `There is a usage of ${day}, but no entry of its ledger, in the object store or in Redis. The usage stays as it is. See whether this is the right object store.`,
    );
  }
  await replaceUsage({ redis, keys }, day, before, usage);
  return { entries, tenants: usage.size };
}

async function replaceUsage(
  { redis, keys }: Omit<RebuildUsageDependencies, "read">,
  day: string,
  before: readonly string[],
  usage: DayUsage,
): Promise<void> {
  const rebuild = randomUUID();
  for (const [tenant, sums] of usage) {
    const written = redis.multi();
    written.hset(keys.rebuiltUsage(rebuild, tenant), sums);
    written.expire(keys.rebuiltUsage(rebuild, tenant), unfinishedSeconds);
    await written.exec();
  }
  const replacement = redis.multi();
  const old = before.filter((tenant) => !usage.has(tenant));
  replacement.del(keys.usageTenants(day), ...old.map((tenant) => keys.usage(day, tenant)));
  for (const tenant of usage.keys()) {
    replacement.rename(keys.rebuiltUsage(rebuild, tenant), keys.usage(day, tenant));
    replacement.expire(keys.usage(day, tenant), keptSeconds);
    replacement.sadd(keys.usageTenants(day), tenant);
  }
  if (usage.size > 0) replacement.expire(keys.usageTenants(day), keptSeconds);
  const results = await replacement.exec();
  const failure = results?.find(([error]) => error !== null)?.[0];
  if (failure != null) throw failure;
}
