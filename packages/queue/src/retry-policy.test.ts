import { expect, test } from "vitest";
import { defaultRetryPolicy, pauseBeforeRetry } from "./retry-policy.ts";

const pauses = (random: number) =>
  [1, 2, 3, 4].map((failures) => pauseBeforeRetry(defaultRetryPolicy, failures, undefined, () => random));

test("pauses grow fourfold and the fourth failure is the last", () => {
  expect(pauses(0.5)).toEqual([2_000, 8_000, 32_000, null]);
});

test("jitter moves a pause by at most a quarter either way", () => {
  expect(pauses(0)).toEqual([1_500, 6_000, 24_000, null]);
  expect(pauses(0.999_999)).toEqual([2_500, 10_000, 40_000, null]);
});

test("no pause that we choose is longer than a minute", () => {
  expect(pauseBeforeRetry({ ...defaultRetryPolicy, maxFailures: 9 }, 8, undefined, () => 0.5)).toBe(60_000);
});

test("the upstream's Retry-After is waited out, and then a little", () => {
  expect(pauseBeforeRetry(defaultRetryPolicy, 1, 30_000, () => 0)).toBe(30_000);
  expect(pauseBeforeRetry(defaultRetryPolicy, 1, 30_000, () => 0.999_999)).toBe(30_500);
});

test("an absurd Retry-After is cut to a quarter of an hour", () => {
  expect(pauseBeforeRetry(defaultRetryPolicy, 1, 1e12, () => 0)).toBe(900_000);
});
