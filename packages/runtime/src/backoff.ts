export type BackoffOptions = {
  /** The pause after the first failure, in milliseconds: what is over by then has cost no caller more than that. */
  firstMs: number;
  /**
   * No pause is longer, in milliseconds. Half a minute by default: in an outage of hours a loop asks twice a minute, and after it
   * nothing stands still for longer than that.
   */
  maxMs?: number;
  /** Uniform in [0, 1), for jitter. */
  random?: () => number;
};

/** The pauses of something that fails and is tried again. */
export type Backoff = {
  /** How long to wait now, in milliseconds: at each call about twice as long as before. */
  next(): number;
  /** It has worked: the next pause is the first again. */
  reset(): void;
};

const halfAMinuteMs = 30_000;

/** Up to half of each pause is taken off at random, so that processes which failed together do not come back together. */
export function createBackoff({ firstMs, maxMs = halfAMinuteMs, random = Math.random }: BackoffOptions): Backoff {
  let pauseMs = firstMs;

  return {
    next() {
      const nowMs = Math.min(pauseMs, maxMs);
      pauseMs = Math.min(nowMs * 2, maxMs);
      return nowMs * (1 - random() / 2);
    },
    reset() {
      pauseMs = firstMs;
    },
  };
}
