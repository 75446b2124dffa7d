import * as fc from "fast-check";
import { expect, test } from "vitest";

test.skipIf(process.env["TEST_SEED"])("property tests see the same values in every run of npm test", () => {
  expect(fc.sample(fc.nat(99), 8)).toMatchInlineSnapshot(`
    [
      26,
      1,
      3,
      20,
      98,
      1,
      91,
      5,
    ]
  `);
});

test.runIf(process.env["TEST_SEED"])("property tests see values by the seed that was asked for", () => {
  expect(fc.readConfigureGlobal().seed).toBe(Number(process.env["TEST_SEED"]));
});
