import { expect, test } from "vitest";
import { createRecentAmounts } from "./recent-amounts.ts";

test("an amount counts for fifty to sixty seconds, and its name is forgotten with it", () => {
  let nowMs = 5_000;
  const recent = createRecentAmounts(() => nowMs);
  const told = () => Object.fromEntries(recent.byName());
  recent.add("a", 3);
  nowMs = 19_999;
  recent.add("a", 4);
  recent.add("b", 1);
  expect(told()).toEqual({ a: 7, b: 1 });
  nowMs = 59_999;
  expect(told()).toEqual({ a: 7, b: 1 });
  nowMs = 60_000;
  expect(told()).toEqual({ a: 4, b: 1 });
  nowMs = 70_000;
  expect(told()).toEqual({});
  recent.add("c", 2);
  recent.add("d", 0);
  nowMs += 3_600_000;
  expect(told()).toEqual({});
  recent.add("c", 5);
  expect(told()).toEqual({ c: 5 });
});
