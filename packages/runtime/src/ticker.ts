import { createBackoff } from "./backoff.ts";
import { waitAtMost } from "./wait-at-most.ts";

export type RepeatOptions = {
  /** The pause between a look and the next, in milliseconds. */
  everyMs: number;
  look: () => Promise<void>;
  /** Is handed what a look throws. */
  onError: (error: unknown) => void;
  /**
   * The longest pause after looks that failed, in milliseconds; `everyMs` if that is longer. Half a minute by default. Less where a
   * caller waits for what a look finds.
   */
  maxPauseMs?: number;
  /** Uniform in [0, 1), for jitter. */
  random?: () => number;
};

/** Something that is done again and again until it is closed. */
export type Repetition = {
  /** Has the next look at once, and forgets that looks have failed: for when Redis is back. */
  wake(): void;
  /** Stops, and waits a second at most for what is under way. */
  close(): Promise<void>;
};

/**
 * A look at a Redis or a store that is away ends nobody knows when, and a process that is told to stop has work to give back before it
 * is killed. What is left to itself may break off anywhere, as in a crash.
 */
const closeWithinMs = 1_000;

/**
 * Calls `look` every so often, never twice at a time: a slow look makes the next one late. After a look that failed the pause is twice
 * as long, and so on, so that a loop does not beat on a Redis or a store that refuses it.
 */
export function repeat({ everyMs, look, onError, maxPauseMs, random }: RepeatOptions): Repetition {
  const backoff = createBackoff({
    firstMs: everyMs * 2,
    ...(maxPauseMs !== undefined && { maxMs: maxPauseMs }),
    ...(random !== undefined && { random }),
  });
  let underWay: Promise<void> | null = null;
  let timer = setTimeout(begin, everyMs);
  let woken = false;
  let closed = false;

  function begin(): void {
    underWay ??= lookOnce().finally(() => (underWay = null));
  }

  async function lookOnce(): Promise<void> {
    let pauseMs = everyMs;
    woken = false;
    try {
      await look();
      backoff.reset();
    } catch (error) {
      onError(error);
      pauseMs = Math.max(everyMs, backoff.next());
    }
    if (!closed) timer = setTimeout(begin, woken ? 0 : pauseMs);
  }

  return {
    wake() {
      if (closed) return;
      // A look that is under way may have begun before there was anything to find.
      woken = true;
      backoff.reset();
      clearTimeout(timer);
      begin();
    },

    async close() {
      closed = true;
      clearTimeout(timer);
      if (underWay !== null) await waitAtMost(closeWithinMs, underWay);
    },
  };
}
