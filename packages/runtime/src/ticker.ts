import pTimeout from "p-timeout";
import { createBackoff } from "./backoff.ts";

export type TickerOptions = {
  /** The pause between two ticks, in milliseconds. */
  everyMs: number;
  tick: () => Promise<void>;
  /** Is called with what a tick throws. */
  onError: (error: unknown) => void;
  /**
   * The longest pause after ticks that failed, in milliseconds; `everyMs` if that is longer. Half a minute by default. Set it lower where
   * a caller waits for what a tick finds.
   */
  maxPauseMs?: number;
  /** Uniform in [0, 1), for jitter. */
  random?: () => number;
};

/** Ticks until it is closed. */
export type Ticker = {
  /** Ticks at once, and resets the backoff: for when Redis is back. */
  wake(): void;
  /** Stops, and waits a second at most for the tick that is under way. */
  close(): Promise<void>;
};

/**
 * A tick that waits for a Redis or a store that is away may never end, and a process that is told to stop has work to give back before
 * it is killed. The tick that is left behind may break off anywhere, as in a crash.
 */
const closeWithinMs = 1_000;

/**
 * Calls `tick` at an interval, never twice at a time: a slow tick makes the next one late. After a tick that failed the pause doubles, and
 * doubles again, so that a loop backs off from a Redis or a store that refuses it.
 */
export function createTicker({ everyMs, tick, onError, maxPauseMs, random }: TickerOptions): Ticker {
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
    underWay ??= tickOnce().then((pauseMs) => {
      // In one turn with the timer: a call of `wake` finds either a tick under way or a timer that is set.
      underWay = null;
      if (!closed) timer = setTimeout(begin, woken ? 0 : pauseMs);
    });
  }

  /** Resolves with the pause after the tick, in milliseconds. */
  async function tickOnce(): Promise<number> {
    woken = false;
    try {
      await tick();
      backoff.reset();
      return everyMs;
    } catch (error) {
      onError(error);
      return Math.max(everyMs, backoff.next());
    }
  }

  return {
    wake() {
      if (closed) return;
      // A tick that is under way may have begun before there was anything to find.
      woken = true;
      backoff.reset();
      clearTimeout(timer);
      begin();
    },

    async close() {
      closed = true;
      clearTimeout(timer);
      if (underWay !== null) await pTimeout(underWay, { milliseconds: closeWithinMs, fallback: () => {} });
    },
  };
}
