import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Budget } from "@darkroom/contracts";
import type { RedisKeys } from "./redis-keys.ts";

/** What an account has under way and has spent. Money is in micros; days and months are those of UTC. */
export type AccountUsage = {
  /** Generations that have been accepted and have not ended. */
  active: number;
  /** Generations among them that no worker has begun. */
  queued: number;
  /** The most that the active generations may cost. */
  reserved: number;
  spent: { day: number; month: number; total: number };
};

const accountUsage = defineScript(
  new URL("scripts/account-usage.lua", import.meta.url),
  // What is active, queued, reserved, and spent in the day, the month and in total.
  z.tuple([z.int(), z.int(), z.int(), z.int(), z.int(), z.int()]),
);

/** Reads what the scripts of admission and ending have counted. After the end of a day or a month its spending is zero. */
export async function readAccountUsage(redis: Redis, names: RedisKeys, keyId: string): Promise<AccountUsage> {
  const [active, queued, reserved, day, month, total] = await accountUsage(redis, [names.account(keyId)], []);
  return { active, queued, reserved, spent: { day, month, total } };
}

/**
 * How much of the tightest budget of a key is not spent, in micros. Null for a key without a budget. Reserved money counts as not spent,
 * because the generation may cost less.
 */
export function unspentOf(budget: Budget, { spent }: Pick<AccountUsage, "spent">): number | null {
  const left = (["day", "month", "total"] as const).flatMap((time) => {
    const limit = budget[time];
    return limit === null ? [] : [limit - spent[time]];
  });
  return left.length === 0 ? null : Math.max(0, Math.min(...left));
}
