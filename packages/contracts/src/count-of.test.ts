import { expect, test } from "vitest";
import { countOf } from "./count-of.ts";

test.each([
  [0, "0 lines"],
  [1, "1 line"],
  [2, "2 lines"],
])("%d is told as %s", (count, words) => {
  expect(countOf(count, "line")).toBe(words);
});
