import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { startsSpanMs, startsSpans } from "./lane-rate.ts";

const flag = z.enum(["0", "1"]);
const script = defineScript(
  new URL("scripts/lane-figures.lua", import.meta.url),
  z.tuple([z.int(), z.int(), z.int(), z.int(), flag, z.int(), flag, z.int(), z.int()]),
);

/** Of the jobs in line, so many are looked at for the oldest: it is found while at most half as many tenants wait. They take less than a millisecond of Redis. */
const oldestAmong = 100;

/** How a lane stands now. The figures are of one moment. */
export type LaneFigures = {
  lane: string;
  /** Jobs in line for a worker. Those of a paused or closed lane are among them. */
  waiting: number;
  /** Jobs that a worker holds, or that a worker held which died a moment ago. */
  active: number;
  /** Jobs that wait for the end of a pause, before a retry for example, and are not in line. */
  delayed: number;
  /** How long the job that has waited longest is queued, in milliseconds by the clock of Redis; null where no job is in line. */
  oldestAgeMs: number | null;
  /** Whether an operator has paused the lane. */
  paused: boolean;
  /** For how long the lane still gives out no job because its upstream's rate limit is reached, in milliseconds; 0 for an open lane. */
  closedMs: number;
  /** Whether the upstream's rate limit holds the lane back: it is closed, or slower than usual after that, or a call of the last minute was refused. */
  isLimited: boolean;
  /** How many attempts a second the upstream has accepted over the last minute: those that began, less those that it refused for its rate limit. */
  acceptedPerSecond: number;
};

/** Reads the figures of a lane: one script, whose cost does not depend on how many jobs wait. A lane that has had no job has zeros. */
export async function readLaneFigures(
  { redis, keys }: { redis: Redis; keys: Keys },
  lane: string,
): Promise<LaneFigures> {
  const names = [keys.lane(lane), keys.record(""), keys.starts(lane), keys.refusals(lane)];
  const answer = await script(redis, names, [oldestAmong, startsSpanMs, startsSpans]);
  const [waiting, active, delayed, ageMs, paused, closedMs, slowed, starts, refusals] = answer;
  return {
    lane,
    waiting,
    active,
    delayed,
    oldestAgeMs: ageMs === -1 ? null : ageMs,
    paused: paused === "1",
    closedMs,
    isLimited: slowed === "1" || refusals > 0,
    acceptedPerSecond: (Math.max(starts - refusals, 0) * 1_000) / (startsSpans * startsSpanMs),
  };
}
