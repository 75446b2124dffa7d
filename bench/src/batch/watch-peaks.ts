import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { residentBytes } from "../process-facts.ts";

const everyMs = 100;

/** Watches what Redis and some processes keep in memory. `stop` answers the most that was seen of each, in bytes. */
export async function watchPeaks(redis: Redis, pids: readonly number[]) {
  const redisBytes = async () => Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
  const read = async () => [await redisBytes(), ...(await Promise.all(pids.map(residentBytes)))];
  let peaks = await read();
  const stopping = new AbortController();
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      const now = await read();
      peaks = peaks.map((peak, i) => Math.max(peak, now[i] ?? 0));
      await pause(everyMs);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await watching;
      const [redisPeak = 0, ...processes] = peaks;
      return { redis: redisPeak, processes };
    },
  };
}
