import { expect, test } from "vitest";
import { quoteValue } from "./quote-value.ts";

test("a value is shown in quotes, and a long one cut after 64 characters without splitting one", () => {
  expect([quoteValue("low"), quoteValue(1.5), quoteValue(null)]).toEqual(["'low'", "'1.5'", "'null'"]);
  expect(quoteValue("x".repeat(65))).toBe(`'${"x".repeat(64)}…'`);
  expect(quoteValue(`${"x".repeat(63)}🎨🎨`).isWellFormed()).toBe(true);
});
