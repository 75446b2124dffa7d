export type RetryPolicy = {
  /** Attempts that may fail before the generation does. */
  maxFailures: number;
  /** How many workers may die over one generation before it is believed to be what kills them. */
  maxCrashes: number;
  /** The first pause, in milliseconds; each further one is four times as long. */
  firstPauseMs: number;
  /** No pause that we choose is longer. */
  maxPauseMs: number;
  /** A longer `Retry-After` of the upstream is cut to this: a caller that waits should learn of the failure within the day. */
  maxRetryAfterMs: number;
  /** How long a worker leaves a generation alone that it cannot read, for one of another release to take it, in milliseconds. */
  unreadablePauseMs: number;
};

/**
 * Four tries with about 2, 8 and 32 s between them: long enough for an upstream to restart, short enough for a caller who waits ten
 * minutes. What a rate limit refuses is no failure: see `lane-backoff.ts`. A stall count of two follows BullMQ's own advice for poison jobs.
 */
export const defaultRetryPolicy: RetryPolicy = {
  maxFailures: 4,
  maxCrashes: 2,
  firstPauseMs: 2_000,
  maxPauseMs: 60_000,
  maxRetryAfterMs: 15 * 60_000,
  // A deployment takes minutes: a caller waits five seconds more, and a thousand such jobs cost Redis little.
  unreadablePauseMs: 5_000,
};

/**
 * How long to wait before the next attempt, in milliseconds, or null when it is time to give up.
 * Up to a quarter is taken off or added at random, so that jobs which failed together do not return together; an upstream's
 * `Retry-After` is a lower bound, and only ever added to.
 *
 * @param failures attempts that have failed, the latest included
 * @param random uniform in [0, 1)
 */
export function pauseBeforeRetry(
  policy: RetryPolicy,
  failures: number,
  retryAfterMs: number | undefined,
  random: () => number,
): number | null {
  if (failures >= policy.maxFailures) return null;
  const pause = Math.min(policy.firstPauseMs * 4 ** (failures - 1), policy.maxPauseMs);
  const jittered = pause * (0.75 + random() / 2);
  if (retryAfterMs === undefined) return Math.round(jittered);
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, policy.maxRetryAfterMs) + pause * (random() / 4)));
}
