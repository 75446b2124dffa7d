import type { Redis } from "ioredis";
import { createFreshReading, createTicker, type Logger } from "@darkroom/runtime";
import { infoField } from "./info-field.ts";

type MemoryGuardOptions = {
  redis: Redis;
  /** HASH tenant → about how many bytes it takes. Absent: all tenants are treated alike. */
  tenantMemory?: string;
  /** Is told when Redis becomes full, and who fills it. */
  log?: Pick<Logger, "warn">;
  /** Share of Redis' `maxmemory` at which new generations are refused. At 100 % BullMQ livelocks and runs paid work twice. */
  limit?: number;
  /** The share at which they are refused to those tenants, too, that take less than others. */
  limitForAll?: number;
  /** How often Redis is asked, in milliseconds: a flood of full-size prompts needs longer than that to fill the rest. */
  everyMs?: number;
};

type FullnessCheckOptions = Pick<MemoryGuardOptions, "redis" | "limit"> & { freshMs?: number };

/** Why nothing new is taken in: Redis is full for all, or full and the tenant takes more than its share of it. */
export type NoMemory = { kind: "all"; share: number } | { kind: "tenant"; share: number; bytes: number };

/** After ticks that failed: a flood of prompts fills a Redis in less than the half minute that others wait. */
const maxPauseMs = 5_000;

/** So many tenants are named in the log. */
const named = 3;

/** The share from which on new work is refused or waits. The rest is for what is under way. */
const defaultLimit = 0.7;

/** The part of its `maxmemory` that a Redis uses; 0 for one without. */
async function usedShare(redis: Redis): Promise<number> {
  const info = await redis.info("memory");
  const max = Number(infoField(info, "maxmemory") ?? 0);
  return max === 0 ? 0 : Number(infoField(info, "used_memory") ?? 0) / max;
}

/**
 * Returns the function that answers whether Redis is so full that work that can wait should wait. Redis is asked when there is such work, at
 * most once in `freshMs`, and not by all processes all the time.
 *
 * @param freshMs for how long an answer stands, in milliseconds. While Redis refuses, what was last known stands.
 */
export function createFullnessCheck({ redis, limit = defaultLimit, freshMs = 1_000 }: FullnessCheckOptions) {
  let isFull = false;
  const look = async () => {
    const share = await usedShare(redis).catch(() => null);
    if (share !== null) isFull = share >= limit;
    return isFull;
  };
  return createFreshReading(look, { freshForMs: freshMs });
}

/**
 * Watches how full Redis is. A server without `maxmemory` is never full by this measure.
 *
 * From `limit` on, the tenants are refused that take at least the average of all that take anything; one that takes less, or nothing, is
 * refused from `limitForAll` on. So a tenant that fills Redis is the first one to be refused, and the others have the rest.
 */
export function createMemoryGuard(options: MemoryGuardOptions) {
  const { redis, tenantMemory, log, limit = defaultLimit, limitForAll = 0.85, everyMs = 1_000 } = options;
  let share = 0;
  let held: ReadonlyMap<string, number> = new Map();

  async function tick(): Promise<void> {
    if (redis.status !== "ready") return;
    const wasFull = share >= limit;
    share = await usedShare(redis);
    if (share < limit || tenantMemory === undefined) return;
    held = new Map(Object.entries(await redis.hgetall(tenantMemory)).map(([tenant, bytes]) => [tenant, Number(bytes)]));
    if (wasFull) return;
    const largest = [...held].toSorted(([, a], [, b]) => b - a).slice(0, named);
    const tenants = largest.map(([tenant, bytes]) => ({ tenant, bytes }));
    log?.warn(
      { usedMemoryShare: share, tenants },
      "Redis is nearly full: the tenants that take the most of it are refused",
    );
  }

  // While Redis is away, what was last known stands.
  const ticker = createTicker({ everyMs, tick, maxPauseMs, onError: () => {} });
  const onReady = () => ticker.wake();
  redis.on("ready", onReady);

  return {
    tick,
    /** Why nothing new of a tenant should be taken in for now; null where it should. */
    refusalOf(tenant: string): NoMemory | null {
      if (share < limit) return null;
      const bytes = held.get(tenant) ?? 0;
      const average = [...held.values()].reduce((sum, one) => sum + one, 0) / held.size;
      if (share >= limitForAll || held.size === 0) return { kind: "all", share };
      return bytes >= average ? { kind: "tenant", share, bytes } : null;
    },
    close(): Promise<void> {
      redis.off("ready", onReady);
      return ticker.close();
    },
  };
}
