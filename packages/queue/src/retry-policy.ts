export type RetryPolicy = {
  /** The generation fails with this many failed attempts. */
  maxFailures: number;
  /** How many workers may die during one generation before the generation is assumed to be the cause. */
  maxCrashes: number;
  /** The first pause, in milliseconds; each further one is four times as long. */
  firstPauseMs: number;
  /** The longest pause that we choose. */
  maxPauseMs: number;
  /** A longer `Retry-After` of the upstream is cut to this, so that a waiting caller learns of the failure within the day. */
  maxRetryAfterMs: number;
  /** How long a generation that this release cannot read waits for a worker of another release, in milliseconds. */
  unreadablePauseMs: number;
};

/**
 * Four tries with about 2, 8 and 32 s between them: long enough for an upstream to restart, short enough for a caller who waits ten
 * minutes. A refusal by a rate limit is not counted as a failure (`lane-backoff.ts`). BullMQ advises a stall count of two for poison jobs.
 */
export const defaultRetryPolicy: RetryPolicy = {
  maxFailures: 4,
  maxCrashes: 2,
  firstPauseMs: 2_000,
  maxPauseMs: 60_000,
  maxRetryAfterMs: 15 * 60_000,
  // A deployment takes minutes. A caller waits five seconds more, and a thousand such jobs cost Redis little.
  unreadablePauseMs: 5_000,
};

/**
 * How long to wait before the next attempt, in milliseconds, or null when it is time to give up.
 * Up to a quarter is taken off or added at random, so that jobs which failed together do not return together; an upstream's
 * `Retry-After` is a lower bound: jitter is only added to it.
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
