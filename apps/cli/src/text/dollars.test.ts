import { expect, test } from "vitest";
import { formatDollars, parseDollars } from "./dollars.ts";

test.each([
  [0, "$0.00"],
  [5, "$0.000005"],
  [40_000, "$0.04"],
  [166_605, "$0.166605"],
  [290_000, "$0.29"],
  [12_500_000, "$12.50"],
  [1_000_000_000, "$1000.00"],
  [999_999_999_999_999, "$999999999.999999"],
])("%i micros are %s, and back", (micros, dollars) => {
  expect(formatDollars(micros)).toBe(dollars);
  expect(parseDollars(dollars)).toBe(micros);
});

test.each(["", ".5", "5.", "1,000", "1e3", "-1", "0.0000001", "$ 5", "1234567890"])("%j is no amount", (text) => {
  expect(() => parseDollars(text)).toThrow("Dollars look like 12.50");
});
