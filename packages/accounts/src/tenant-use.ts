import { defineScript, isDamage, redisTime } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { RedisKeys } from "./redis-keys.ts";

/** What the tenant of a key holds, as the quotas of its keys count it. */
export type TenantUse = {
  /** Uploaded files, and files with the mistakes of batches that failed. */
  files: number;
  /** Bytes of those. */
  bytes: number;
  /** Lines of batches that have not ended. */
  lines: number;
};

/** Reads what a tenant holds. It is at most one change behind. */
export async function readTenantUse(
  redis: Redis,
  names: Pick<RedisKeys, "tenantUse">,
  tenant: string,
): Promise<TenantUse> {
  const [files, bytes, lines] = await redis.hmget(names.tenantUse(tenant), "files", "bytes", "lines");
  return { files: Number(files ?? 0), bytes: Number(bytes ?? 0), lines: Number(lines ?? 0) };
}

const recount = defineScript(
  new URL("scripts/recount-use.lua", import.meta.url),
  z.enum(["right", "corrected", "changed"]),
);

/** How often a tenant is counted again. */
const everyMs = 3_600_000;
/**
 * How soon it is counted again where that came to nothing: something has changed meanwhile, Redis has refused, or the worker has died. Until
 * then other workers leave it alone.
 */
const againAfterMs = 60_000;
/** Tenants of one round. The next round takes the rest. */
const roundTenants = 20;

export type RecountTenantUseOptions = {
  redis: Redis;
  names: Pick<RedisKeys, "tenantUse" | "tenantUseDue">;
  /** Counts the files of a tenant in their records. */
  countFiles: (tenant: string) => Promise<Pick<TenantUse, "files" | "bytes">>;
  /** Counts the lines of the batches of all tenants in their records. A tenant without any is not there. */
  countLines: () => Promise<ReadonlyMap<string, number>>;
  log: Pick<Logger, "error">;
};

/** A tenant that is due, and `changes` of its sums at that moment. */
type DueTenant = { tenant: string; changes: string | null };

/**
 * Returns the function that counts again what tenants hold, from the records, where that is due, and corrects sums that are wrong. Each
 * tenant is due once an hour, for one worker of all. Lines are counted for all tenants of a round in one pass through the batches. Throws
 * what kept it from some of the tenants, after it has counted the others.
 */
export function createRecountTenantUse({ redis, names, countFiles, countLines, log }: RecountTenantUseOptions) {
  async function recountTenant({ tenant, changes }: DueTenant, lines: number, nowMs: number): Promise<void> {
    const { files, bytes } = await countFiles(tenant);
    const where = [names.tenantUse(tenant), names.tenantUseDue];
    const answer = await recount(redis, where, [changes ?? "", files, bytes, lines, tenant, nowMs + everyMs]);
    if (answer === "corrected") {
      log.error(
        { tenant, files, bytes, lines },
        "What a tenant was said to hold was not what its records say, and was corrected",
      );
    }
  }

  return async (): Promise<void> => {
    const nowMs = await redisTime(redis);
    const errors: unknown[] = [];
    const due: DueTenant[] = [];
    /** Notes a tenant that cannot be counted, which does not stop the others. One that is damaged is left alone for an hour. */
    const noteError = async (tenant: string, error: unknown): Promise<void> => {
      errors.push(error);
      if (isDamage(error)) await redis.zadd(names.tenantUseDue, "XX", nowMs + everyMs, tenant).catch(() => {});
    };
    for (const tenant of await redis.zrangebyscore(names.tenantUseDue, "-inf", nowMs, "LIMIT", 0, roundTenants)) {
      // First, so that other workers leave it alone.
      const taken = await redis.zadd(names.tenantUseDue, "XX", "CH", nowMs + againAfterMs, tenant);
      if (taken === 0) continue;
      await redis.hget(names.tenantUse(tenant), "changes").then(
        (changes) => void due.push({ tenant, changes }),
        (error: unknown) => noteError(tenant, error),
      );
    }
    if (due.length > 0) {
      const lines = await countLines();
      for (const one of due) {
        const counted = recountTenant(one, lines.get(one.tenant) ?? 0, nowMs);
        await counted.catch((error: unknown) => noteError(one.tenant, error));
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "What some tenants hold could not be counted.");
  };
}
