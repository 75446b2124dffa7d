import { expect, test } from "vitest";
import { quoteValue, countOf } from "./api-error.ts";

test("a value is shown in quotes, and a long one cut after 64 characters without splitting one", () => {
  expect([quoteValue("low"), quoteValue(1.5), quoteValue(null)]).toEqual(["'low'", "'1.5'", "'null'"]);
  expect(quoteValue("x".repeat(65))).toBe(`'${"x".repeat(64)}…'`);
  expect(quoteValue(`${"x".repeat(63)}🎨🎨`).isWellFormed()).toBe(true);
});

test.each([
  [0, "0 lines"],
  [1, "1 line"],
  [2, "2 lines"],
])("%d is told as %s", (count, words) => {
  expect(countOf(count, "line")).toBe(words);
});
