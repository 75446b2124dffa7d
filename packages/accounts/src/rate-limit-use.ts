import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { RedisKeys } from "./redis-keys.ts";

/** What a key has used of its limits in the last minute. */
export type RateLimitUse = {
  requests: number;
  images: number;
  /** Milliseconds until all of it is forgotten. */
  resetMs: number;
};

/** The answer of `admit` or `told_window` as it comes from Redis: numbers as text or numbers. */
export type ScriptNumbers = readonly (string | number)[];

/** Reads what `told_window` answers; null where nothing is counted. */
export function readRateLimitUse([requests, images, resetMs]: ScriptNumbers): RateLimitUse | null {
  if (requests === undefined) return null;
  return { requests: Number(requests), images: Number(images), resetMs: Number(resetMs) };
}

const rateLimitUse = defineScript<ScriptNumbers>(new URL("scripts/rate-limit-use.lua", import.meta.url));

/** Returns the function that looks up what a key has used of its limits, for answers that were no admission. */
export const createRateLimitReader =
  (redis: Redis, names: Pick<RedisKeys, "accountWindow">) =>
  async (keyId: string): Promise<RateLimitUse | null> =>
    readRateLimitUse(await rateLimitUse(redis, [names.accountWindow(keyId)], []));

export type RateLimitReader = ReturnType<typeof createRateLimitReader>;
