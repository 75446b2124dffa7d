import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { type RateLimitUse, readRateLimitUse, type ScriptNumbers } from "./rate-limit-use.ts";

const rateLimitUse = defineScript<ScriptNumbers>(new URL("scripts/rate-limit-use.lua", import.meta.url));

/** Returns the function that looks up what a key has used of its limits, for answers that were no admission. `root` begins every name. */
export const createRateLimitReader =
  (redis: Redis, root: string) =>
  async (keyId: string): Promise<RateLimitUse | null> =>
    readRateLimitUse(await rateLimitUse(redis, [`${root}account-window:${keyId}`], []));

export type RateLimitReader = ReturnType<typeof createRateLimitReader>;
