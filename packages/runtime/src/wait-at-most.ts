import { setTimeout as pause } from "node:timers/promises";

/** Waits until something has ended, and for so many milliseconds at most: then it is left to itself. */
export async function waitAtMost(ms: number, ended: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = pause(ms, undefined, { signal: timer.signal });
  await Promise.race([ended, late.catch(() => {})]).finally(() => timer.abort());
}
