import { expect, test } from "vitest";
import { connectionsWithin, openFileLimit } from "./connection-limits.ts";
import { stalledAnswerMs } from "./server-limits.ts";

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

test("a client that receives 20 MB in ten minutes is not taken for one that stands still", () => {
  const bytesPerMs = 20_000_000 / 600_000;
  // `net.ipv4.tcp_wmem` of Linux, of which a third must be free before it takes more.
  const largestSendBuffer = 4_194_304;
  expect(stalledAnswerMs).toBeGreaterThan(largestSendBuffer / 3 / bytesPerMs);
});
