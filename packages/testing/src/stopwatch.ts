import { onTestFinished } from "vitest";

const lookEveryMs = 5;

/** The most that a turn of the event loop counts, in milliseconds. */
const mostPerTurnMs = 20;

/**
 * Starts a stopwatch that counts the time in which this process runs, and returns what reads it, in milliseconds. While other processes have
 * the CPU, it counts 20 ms at most. So an upper bound on it holds on a busy machine, and on an idle one it is a bound on wall-clock time.
 * What blocks the event loop is not counted: measure that by `process.threadCpuUsage()`. The stopwatch ends with the test.
 */
export function startStopwatch(): () => number {
  let countedMs = 0;
  let lastMs = performance.now();
  const look = () => {
    const nowMs = performance.now();
    countedMs += Math.min(nowMs - lastMs, mostPerTurnMs);
    lastMs = nowMs;
  };
  const timer = setInterval(look, lookEveryMs);
  onTestFinished(() => clearInterval(timer));
  return () => {
    look();
    return countedMs;
  };
}
