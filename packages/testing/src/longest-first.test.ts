import { expect, test } from "vitest";
import { rankOf } from "./longest-first.ts";

test("what takes longest has a lower rank than what does not", () => {
  const paths = ["/packages/a/src/a.test.ts", "/e2e/src/a.test.ts", "/packages/providers/src/hostile-pictures.test.ts"];
  expect(paths.toSorted((a, b) => rankOf(a) - rankOf(b))).toEqual(paths.toReversed());
});
