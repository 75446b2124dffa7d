import { expect, test } from "vitest";
import { webhookSchedule } from "./webhook-schedule.ts";

const all = (random: () => number) => Array.from({ length: 10 }, (_, i) => webhookSchedule(i + 1, random) ?? -1);
const daysOf = (pausesMs: number[]) => pausesMs.reduce((sum, ms) => sum + ms, 0) / 86_400_000;

test("ten attempts, the first at once", () => {
  expect(all(() => 0.5)).toEqual([
    0, 5000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
  ]);
  expect(webhookSchedule(11, () => 0.5)).toBeNull();
});

test("over about three days, a tenth up or down", () => {
  expect(daysOf(all(() => 0))).toBeCloseTo(2.84, 1);
  expect(daysOf(all(() => 1))).toBeCloseTo(3.46, 1);
  expect(webhookSchedule(2, () => 0)).toBe(4500);
  expect(webhookSchedule(2, () => 1)).toBe(5500);
});
