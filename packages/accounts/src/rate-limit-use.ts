import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { RedisKeys } from "./redis-keys.ts";

/** What a key has used of its limits in the last minute. */
export type RateLimitUse = {
  requests: number;
  images: number;
  /** Milliseconds until none of it counts any more. */
  resetMs: number;
};

/** What `told_window` in `admission.lua` answers: requests, images and the time as in `RateLimitUse`; nothing where nothing is counted. */
export const windowSchema = z.union([z.tuple([z.int(), z.int(), z.int()]), z.tuple([])]);

/** Reads what `told_window` answers; null where nothing is counted. */
export function readRateLimitUse(window: z.output<typeof windowSchema>): RateLimitUse | null {
  if (window.length === 0) return null;
  const [requests, images, resetMs] = window;
  return { requests, images, resetMs };
}

const rateLimitUse = defineScript(new URL("scripts/rate-limit-use.lua", import.meta.url), windowSchema);

/** Returns the function that looks up what a key has used of its limits, for answers that did not come from an admission. */
export const createRateLimitReader =
  (redis: Redis, names: Pick<RedisKeys, "accountWindow">) =>
  async (keyId: string): Promise<RateLimitUse | null> =>
    readRateLimitUse(await rateLimitUse(redis, [names.accountWindow(keyId)], []));

export type RateLimitReader = ReturnType<typeof createRateLimitReader>;
