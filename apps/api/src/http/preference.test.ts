import { expect, test } from "vitest";
import { readPreference } from "./preference.ts";

test.each<[string | string[] | undefined, boolean, number | undefined]>([
  [undefined, false, undefined],
  ["", false, undefined],
  ["respond-async", true, undefined],
  ["Respond-Async", true, undefined],
  ["respond-async, wait=20", true, 20],
  ["wait=20,respond-async", true, 20],
  ["respond-async; foo=bar, wait = 20", true, 20],
  ['respond-async, wait="20"', true, 20],
  ["respond-async, wait=0", true, 0],
  ["wait=20", false, 20],
  [["respond-async", "wait=5"], true, 5],
  ["return=minimal, handling=lenient, respond-async", true, undefined],
  ['x="a, respond-async, b"', false, undefined],
  ['x="a \\" , b", respond-async', true, undefined],
  ['x="never closed, respond-async', false, undefined],
  [", ,respond-async,,", true, undefined],
  ["respond async, wait=3", false, 3],
  ["respond-async, wait=-1", true, undefined],
  ["respond-async, wait=1.5", true, undefined],
  ["respond-async, wait=soon", true, undefined],
  ["respond-async, wait", true, undefined],
  ["wait=soon, wait=20", false, undefined],
  ["wait=20, wait=30", false, 20],
  ["respond-asynchronously", false, undefined],
])("Prefer: %j", (header, respondAsync, waitSeconds) => {
  expect(readPreference(header)).toMatchObject({ respondAsync, waitSeconds });
});

test.each<[string | undefined, boolean]>([
  ["keep-alive", true],
  ["Keep-Alive, respond-async", true],
  ["keep-alive=no", true],
  ["keepalive", false],
  [undefined, false],
])("Prefer: %j keeps alive: %j", (header, keepAlive) => {
  expect(readPreference(header).keepAlive).toBe(keepAlive);
});

test("a header of quotes and commas is read in no time", () => {
  const before = process.threadCpuUsage();
  for (const piece of ['"', '",', 'a="\\', ",", "a=", " "]) readPreference(piece.repeat(16_384 / piece.length));
  expect(process.threadCpuUsage(before).user).toBeLessThan(500_000);
});
