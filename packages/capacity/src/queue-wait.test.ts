import { expect, test } from "vitest";
import { meanWaitForSlotSeconds } from "./queue-wait.ts";

test("with one slot it is the wait of M/M/1: ρ / (1 - ρ) service times", () => {
  expect(meanWaitForSlotSeconds({ perSecond: 0.5, serviceSeconds: 1, slots: 1 })).toBeCloseTo(1, 9);
  expect(meanWaitForSlotSeconds({ perSecond: 0.4, serviceSeconds: 2, slots: 1 })).toBeCloseTo(8, 9);
});

test("with two slots at a load of one it is a third of a service time", () => {
  expect(meanWaitForSlotSeconds({ perSecond: 1, serviceSeconds: 1, slots: 2 })).toBeCloseTo(1 / 3, 9);
});

test("the more slots there are at the same share of use, the less a job waits", () => {
  const waits = [10, 100, 1_000].map((slots) =>
    meanWaitForSlotSeconds({ perSecond: slots * 0.8, serviceSeconds: 1, slots }),
  );
  expect(waits.toSorted((a, b) => b - a)).toEqual(waits);
  expect(waits[2]).toBeLessThan(1e-9);
});

test("without jobs none waits, and where they come faster than slots become free there is no end to it", () => {
  expect(meanWaitForSlotSeconds({ perSecond: 0, serviceSeconds: 1, slots: 1 })).toBe(0);
  expect(meanWaitForSlotSeconds({ perSecond: 2, serviceSeconds: 1, slots: 2 })).toBe(Number.POSITIVE_INFINITY);
});
