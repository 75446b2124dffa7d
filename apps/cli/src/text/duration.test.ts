import { expect, test } from "vitest";
import { formatDuration } from "./duration.ts";

test.each([
  [0, "0s"],
  [200, "1s"],
  [59_000, "59s"],
  [60_000, "1m"],
  [200_000, "3m 20s"],
  [3_600_000, "1h"],
  [3_605_000, "1h"],
  [187_200_000, "2d 4h"],
])("%i ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
