import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { startsSpanMs, startsSpans } from "./lane-rate.ts";

/** How long ago an attempt began, in milliseconds. It is a duration, because the clocks of workers and Redis differ. */
type Begun = { begunAgoMs: number };

/** How a lane backs off from an upstream whose rate limit is reached. To back off by something else than the lane, implement this. */
export type LaneBackoff = {
  /**
   * The upstream refused a call for its rate limit. No worker takes a job from the lane during the pause, and then one job a second at first.
   * Answers for how long the lane is closed, in milliseconds.
   *
   * @param retryAfterMs how long the upstream asks us to wait, where it says so
   */
  refused(lane: string, told: Begun & { retryAfterMs: number | undefined }): Promise<number>;
  /**
   * The upstream accepted a call. After a pause the pace doubles, until the lane is as fast as before. `ended`: the call has ended, so it
   * cannot be refused any more, and the next pause is as long as the first.
   */
  accepted(lane: string, told: Begun & { ended: boolean }): Promise<void>;
};

/** The first pause where the upstream names none. After it a limit that counts by the second has room again. */
const firstPauseMs = 1_000;

/** The pause doubles with each refusal after a pause, up to this. So a lane stays closed for half a minute at most after the upstream has room. */
const maxPauseMs = 30_000;

/** A longer wait than this that the upstream asks for is cut: one call in a quarter of an hour costs nothing, and finds out that it has room. */
const maxRetryAfterMs = 15 * 60_000;

/** The largest share of our own pause that is added at random. */
const jitterShare = 1 / 4;

/** The longest that a refusal closes a lane, in milliseconds. */
export const longestPauseMs = maxRetryAfterMs + maxPauseMs * jitterShare;

/** After a pause a lane begins with one job in this time: an upstream that refuses answers within it, so few calls are refused again. */
const stepMs = 1_000;

/** The limit is removed at this pace, in jobs per step: no upstream that draws images takes more starts a second. */
const maxJobsPerStep = 32;

/** Refusals that are further apart than this have different causes: the pauses start short again. */
const forgetAfterMs = 10 * 60_000;

const refuse = defineScript(new URL("scripts/lane-refused.lua", import.meta.url), z.int());
const accept = defineScript(new URL("scripts/lane-accepted.lua", import.meta.url), z.literal("ok"));

export type LaneBackoffOptions = {
  redis: Redis;
  keys: Keys;
  /** Uniform in [0, 1), for jitter. */
  random: () => number;
};

/**
 * Keeps the backoff in Redis, where BullMQ looks before it gives out a job. A closed lane gives out no job to any worker, and no worker
 * polls it. Each call is one round trip.
 */
export function createLaneBackoff({ redis, keys, random }: LaneBackoffOptions): LaneBackoff {
  // BullMQ's own: the settings of the queue, `max` and `duration` of its rate limit among them, and the jobs of the current duration.
  const names = (lane: string) => [keys.backoff(lane), `${keys.lane(lane)}meta`, `${keys.lane(lane)}limiter`];

  return {
    async refused(lane, { begunAgoMs, retryAfterMs = 0 }) {
      const waitMs = Math.ceil(Math.min(retryAfterMs, maxRetryAfterMs));
      const pauses = [waitMs, firstPauseMs, maxPauseMs, random() * jitterShare, stepMs, forgetAfterMs];
      const spans = [startsSpanMs, startsSpanMs * (startsSpans + 1)];
      return refuse(redis, [...names(lane), keys.refusals(lane)], [Math.floor(begunAgoMs), ...pauses, ...spans]);
    },

    async accepted(lane, { begunAgoMs, ended }) {
      await accept(redis, names(lane), [Math.floor(begunAgoMs), maxJobsPerStep, ended ? "1" : "0"]);
    },
  };
}
