import type { Redis } from "ioredis";
import { createTicker } from "@darkroom/runtime";

type MemoryGuardOptions = {
  redis: Redis;
  /** Share of Redis' `maxmemory` at which new generations are refused. At 100 % BullMQ livelocks and runs paid work twice. */
  limit?: number;
  /** How often Redis is asked, in milliseconds: a flood of full-size prompts needs longer than that to fill the rest. */
  everyMs?: number;
};

/** After ticks that failed: a flood of prompts fills a Redis in less than the half minute that others wait. */
const maxPauseMs = 5_000;

/** Watches how full Redis is. A server without `maxmemory` is never full by this measure. */
export function createMemoryGuard({ redis, limit = 0.7, everyMs = 1_000 }: MemoryGuardOptions) {
  let share = 0;

  async function tick(): Promise<void> {
    if (redis.status !== "ready") return;
    const info = await redis.info("memory");
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
    const max = field("maxmemory");
    share = max === 0 ? 0 : field("used_memory") / max;
  }

  // While Redis is away, what was last known stands.
  const ticker = createTicker({ everyMs, tick, maxPauseMs, onError: () => {} });
  const onReady = () => ticker.wake();
  redis.on("ready", onReady);

  return {
    tick,
    /** Whether new generations should be refused for now. */
    isFull: (): boolean => share >= limit,
    close(): Promise<void> {
      redis.off("ready", onReady);
      return ticker.close();
    },
  };
}
