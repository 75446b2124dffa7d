import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";

/** Starts are counted in spans of ten seconds. The last six whole spans are a minute. */
export const startsSpanMs = 10_000;
export const startsSpans = 6;

const script = defineScript(new URL("scripts/lane-rate.lua", import.meta.url), z.tuple([z.int(), z.int()]));

export type LaneRate = {
  /** Now, in Unix milliseconds by the clock of Redis. */
  nowMs: number;
  /**
   * How many attempts the lane began per second over the last minute. Null when it began none: then it is unknown when the next one begins.
   */
  startsPerSecond: number | null;
};

/** Measures the pace of a lane. Workers count their starts by the clock of Redis, and the counts are read by the same clock. */
export async function laneRate(redis: Redis, keys: Keys, lane: string): Promise<LaneRate> {
  const [nowMs, starts] = await script(redis, [keys.starts(lane)], [startsSpanMs, startsSpans]);
  return { nowMs, startsPerSecond: starts === 0 ? null : starts / ((startsSpans * startsSpanMs) / 1_000) };
}
