import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Budget } from "@darkroom/contracts";
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

const accountUsage = defineScript(
  new URL("scripts/account-usage.lua", import.meta.url),
  // What is active, queued, reserved, and spent in the day, the month and in total.
  z.tuple([z.int(), z.int(), z.int(), z.int(), z.int(), z.int()]),
);

/** Reads what the scripts of admission and ending have counted. A day or a month that is over for them counts as nothing spent. */
export async function readAccountUsage(redis: Redis, names: RedisKeys, keyId: string): Promise<AccountUsage> {
  const [active, queued, reserved, day, month, total] = await accountUsage(redis, [names.account(keyId)], []);
  return { active, queued, reserved, spent: { day, month, total } };
}

/**
 * How much of a key's budget is not spent, in micros: of the tightest of its budgets. Null where it has none. What is reserved counts as
 * not spent: it may end for less.
 */
export function unspentOf(budget: Budget, { spent }: Pick<AccountUsage, "spent">): number | null {
  const left = (["day", "month", "total"] as const).flatMap((time) => {
    const limit = budget[time];
    return limit === null ? [] : [limit - spent[time]];
  });
  return left.length === 0 ? null : Math.max(0, Math.min(...left));
}
