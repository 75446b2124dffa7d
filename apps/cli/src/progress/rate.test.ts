import { expect, test } from "vitest";
import { createRate } from "./rate.ts";

test("a rate is unknown at first, then the mean of the last thirty seconds", () => {
  let nowMs = 0;
  const rate = createRate(() => nowMs);
  rate.add(1_000);
  expect(rate.perSecond()).toBeUndefined();
  for (nowMs = 1_000; nowMs <= 20_000; nowMs += 1_000) rate.add(1_000 + nowMs / 100);
  expect(rate.perSecond()).toBeCloseTo(10);
  for (; nowMs <= 60_000; nowMs += 1_000) rate.add(1_200);
  expect(rate.perSecond()).toBe(0);
});
