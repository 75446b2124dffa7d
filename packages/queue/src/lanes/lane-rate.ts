import type { Redis } from "ioredis";
import type { Keys } from "../connection/keys.ts";

/** Starts are counted by spans of ten seconds; the last six whole ones are a minute. */
export const startsSpanMs = 10_000;
export const startsSpans = 6;

/**
 * How many attempts a lane began per second over the last minute, or null when it began none: then nobody can say when the next will
 * begin, and no number is better than a wrong one.
 */
export async function laneRate(redis: Redis, keys: Keys, lane: string, nowMs: number): Promise<number | null> {
  const span = Math.floor(nowMs / startsSpanMs);
  const names = Array.from({ length: startsSpans }, (_, i) => keys.starts(lane, span - 1 - i));
  const counts = await redis.mget(names);
  const starts = counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
  return starts === 0 ? null : starts / ((startsSpans * startsSpanMs) / 1_000);
}
