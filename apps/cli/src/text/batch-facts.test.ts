import { expect, test } from "vitest";
import { batchCost } from "./batch-facts.ts";

test.each([
  [0, 0, "$0.00"],
  [40_000, 1, "$0.04"],
  [0, 3, "no cost known"],
])("%i micros after %i lines: %s", (cost, completed, words) => {
  expect(batchCost({ cost, request_counts: { total: 9, completed, failed: 0 } })).toBe(words);
});
