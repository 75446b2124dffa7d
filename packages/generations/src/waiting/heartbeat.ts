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
 * Says again and again that this process lives, so that its callers count as waiting, and those of a process that was killed do not.
 * Resolves when Redis has taken the first heartbeat, or has not: a Redis that is away is told when it is back.
 */
export async function startHeartbeat({ redis, keys, channel, everyMs = 5_000 }: HeartbeatOptions) {
  const tick = async (): Promise<void> => void (await beat(redis, [keys.root], [channel]));
  const ticker = createTicker({ everyMs, tick, maxPauseMs: everyMs, onError: () => {} });
  const onReady = () => ticker.wake();
  redis.on("ready", onReady);
  await tick().catch(() => {});

  return {
    /** Ends the heartbeats: from now on no caller waits in this process. */
    async close(): Promise<void> {
      redis.off("ready", onReady);
      await ticker.close();
      await redis.zrem(keys.instances, channel).catch(() => {});
    },
  };
}
