import type { Redis } from "ioredis";

/** The time by the clock that all processes share, in Unix milliseconds. */
export async function redisTime(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}
