import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { startStopwatch } from "./stopwatch.ts";

/** Keeps the event loop from going round, as a machine does that gives the process no CPU time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a stopwatch counts what is waited for, at most as much as the clock on the wall", async () => {
  const beganAtMs = performance.now();
  const elapsedMs = startStopwatch();
  await expect.poll(elapsedMs).toBeGreaterThan(50);
  expect(elapsedMs()).toBeLessThanOrEqual(performance.now() - beganAtMs);
});

test("a stopwatch counts little of a time in which the process does not run", async () => {
  const elapsedMs = startStopwatch();
  const before = elapsedMs();
  standStill(400);
  expect(elapsedMs() - before).toBeLessThanOrEqual(20);
  await pause(1);
  standStill(400);
  expect(elapsedMs() - before).toBeLessThan(400);
});
