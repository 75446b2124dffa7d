import type { Progress } from "./progress.ts";

/** Often enough to see that it lives, seldom enough for the log of a job of hours. */
const everyMs = 5_000;

/** A line every few seconds. For a log, or whatever else is no terminal. */
export function lineProgress(say: (words: string) => void, now: () => number): Progress {
  let saidAtMs = -Infinity;
  return {
    show: ({ done, total, words }) => {
      if (now() - saidAtMs < everyMs) return;
      saidAtMs = now();
      say(`${done} of ${total} ${words}`);
    },
    note: say,
    stop: () => {},
  };
}
