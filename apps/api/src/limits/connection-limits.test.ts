import { expect, test } from "vitest";
import { connectionsWithin, openFileLimit } from "./connection-limits.ts";

test.each([
  [1_024, 384],
  [20_000, 9_872],
  [1_048_576, 20_000],
  [Infinity, 20_000],
  [100, 1],
])("a process that may have %d files open takes %d connections", (openFiles, connections) => {
  expect(connectionsWithin(openFiles)).toBe(connections);
});

test("the limit of this process is known", () => {
  expect(openFileLimit()).toBeGreaterThan(100);
});
