import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { createTicker } from "@darkroom/runtime";

export type HeartbeatOptions = {
  redis: Redis;
  keys: Keys;
  /** The reply channel of this process. */
  channel: string;
  /** Between two heartbeats, in milliseconds. A process is missed after six of them (`callers.lua`). */
  everyMs?: number;
};

const beat = defineScript(new URL("../scripts/beat.lua", import.meta.url), z.literal("ok"));

/**
 * Sends the heartbeat of this process, so that its callers count as waiting, and those of a killed process do not. Resolves after the first
 * heartbeat, also when it failed: a Redis that is away gets the next one when it is back.
 */
export async function startHeartbeat({ redis, keys, channel, everyMs = 5_000 }: HeartbeatOptions) {
  const tick = async (): Promise<void> => void (await beat(redis, [keys.root], [channel]));
  const ticker = createTicker({ everyMs, tick, maxPauseMs: everyMs, onError: () => {} });
  const onReady = () => ticker.wake();
  redis.on("ready", onReady);
  await tick().catch(() => {});

  return {
    /** Ends the heartbeats. After it no caller waits in this process. */
    async close(): Promise<void> {
      redis.off("ready", onReady);
      await ticker.close();
      await redis.zrem(keys.instances, channel).catch(() => {});
    },
  };
}
