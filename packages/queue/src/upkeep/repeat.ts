import { waitAtMost } from "./wait-at-most.ts";

/** Something that is done again and again until it is closed. */
export type Repetition = {
  /** Stops, and waits a second at most for what is under way. */
  close(): Promise<void>;
};

/**
 * A look at a Redis or a store that is away ends nobody knows when, and a process that is told to stop has work to give back before it
 * is killed. What is left to itself may break off anywhere, as in a crash.
 */
const closeWithinMs = 1_000;

/** Calls `look` every so often, never twice at a time: a slow look makes the next one late. What it throws is handed to `onError`. */
export function repeat(everyMs: number, look: () => Promise<void>, onError: (error: unknown) => void): Repetition {
  let underWay: Promise<void> | null = null;
  const timer = setInterval(() => {
    underWay ??= look()
      .catch(onError)
      .finally(() => (underWay = null));
  }, everyMs);

  return {
    async close() {
      clearInterval(timer);
      if (underWay !== null) await waitAtMost(closeWithinMs, underWay);
    },
  };
}
