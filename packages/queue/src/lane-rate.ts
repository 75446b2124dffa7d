import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";

/** Starts are counted by spans of ten seconds; the last six whole ones are a minute. */
export const startsSpanMs = 10_000;
export const startsSpans = 6;

const script = defineScript(new URL("scripts/lane-rate.lua", import.meta.url), z.tuple([z.int(), z.int()]));

export type LaneRate = {
  /** Now, in Unix milliseconds by the clock of Redis. */
  nowMs: number;
  /**
   * How many attempts the lane began per second over the last minute, or null when it began none: then it is unknown when the next will
   * begin, and no number is better than a wrong one.
   */
  startsPerSecond: number | null;
};

/** The pace of a lane. Workers count their starts by the clock of Redis, and it is read by the same clock. */
export async function laneRate(redis: Redis, keys: Keys, lane: string): Promise<LaneRate> {
  const [nowMs, starts] = await script(redis, [keys.starts(lane)], [startsSpanMs, startsSpans]);
  return { nowMs, startsPerSecond: starts === 0 ? null : starts / ((startsSpans * startsSpanMs) / 1_000) };
}
