import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { dayOf } from "./ledger/usage-days.ts";
import type { RedisKeys } from "./redis-keys.ts";

/** What an account has under way and has spent. Money is in micros; days and months are those of UTC. */
export type AccountUsage = {
  /** Generations that have been accepted and have not ended. */
  active: number;
  /** Of those, the ones that no worker has begun. */
  queued: number;
  /** What the active ones may cost at most. */
  reserved: number;
  spent: { day: number; month: number; total: number };
};

/**
 * Reads what the scripts of admission and ending have counted. A day or a month that is over, by the clock of Redis, counts as nothing
 * spent.
 */
export async function readAccountUsage(redis: Redis, names: RedisKeys, keyId: string): Promise<AccountUsage> {
  const [nowMs, fields] = await Promise.all([redisTime(redis), redis.hgetall(names.account(keyId))]);
  const number = (name: string) => Number(fields[name] ?? 0);
  const today = dayOf(nowMs);
  return {
    active: number("active"),
    queued: number("queued"),
    reserved: number("reserved"),
    spent: {
      day: fields["day"] === today ? number("daySpent") : 0,
      month: fields["month"] === today.slice(0, 7) ? number("monthSpent") : 0,
      total: number("total"),
    },
  };
}
