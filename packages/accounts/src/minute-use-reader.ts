import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { type MinuteUse, readMinuteUse, type ScriptNumbers } from "./minute-use.ts";

const minuteUse = defineScript<ScriptNumbers>(new URL("scripts/minute-use.lua", import.meta.url));

/** Returns the function that looks up what a key has used of its limits, for answers that were no admission. `root` begins every name. */
export const createMinuteUseReader =
  (redis: Redis, root: string) =>
  async (keyId: string): Promise<MinuteUse | null> =>
    readMinuteUse(await minuteUse(redis, [`${root}account-window:${keyId}`], []));

export type MinuteUseReader = ReturnType<typeof createMinuteUseReader>;
