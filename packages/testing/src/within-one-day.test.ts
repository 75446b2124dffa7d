import { expect, test } from "vitest";
import { midnightPauseMs } from "./within-one-day.ts";

test.each([
  ["2026-11-22T12:00:00.000Z", 0],
  ["2026-11-22T00:00:00.000Z", 0],
  ["2026-11-22T23:59:15.000Z", 0],
  ["2026-11-22T23:59:15.001Z", 45_999],
  ["2026-11-22T23:59:59.999Z", 1_001],
])("at %s tests of days wait %d ms", (now, ms) => {
  expect(midnightPauseMs(Date.parse(now))).toBe(ms);
});
