import { setTimeout as pause } from "node:timers/promises";
import { beforeAll } from "vitest";

const dayMs = 86_400_000;
/** As long as the tests of a file may take, and less than a hook may. */
const spanMs = 45_000;
/** The clock of a Redis in a container may be a little behind. */
const marginMs = 1_000;

/** How long to wait at a time, in Unix milliseconds, for a day of UTC that goes on for as long as the tests take; 0 as a rule. */
export function midnightPauseMs(nowMs: number): number {
  const leftMs = dayMs - (nowMs % dayMs);
  return leftMs < spanMs ? leftMs + marginMs : 0;
}

/** For tests of what is counted by days: they begin after midnight of UTC where they might else run over it. For a file or a `describe`. */
export function withinOneDay(): void {
  beforeAll(() => pause(midnightPauseMs(Date.now())));
}
