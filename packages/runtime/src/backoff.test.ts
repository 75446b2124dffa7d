import { expect, test } from "vitest";
import { createBackoff } from "./backoff.ts";

const pauses = (count: number, backoff: { next: () => number }) => Array.from({ length: count }, () => backoff.next());

test("each pause is twice as long as the one before, up to half a minute", () => {
  const backoff = createBackoff({ firstMs: 500, random: () => 0 });
  expect(pauses(9, backoff)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("the first pause is no longer than the longest", () => {
  expect(pauses(2, createBackoff({ firstMs: 60_000, maxMs: 5_000, random: () => 0 }))).toEqual([5_000, 5_000]);
});

test("up to half of a pause is taken off", () => {
  expect(createBackoff({ firstMs: 1_000, random: () => 0.5 }).next()).toBe(750);
  expect(createBackoff({ firstMs: 1_000, random: () => 0.999_999 }).next()).toBeCloseTo(500, 0);
});

test("a success resets the pauses", () => {
  const backoff = createBackoff({ firstMs: 500, random: () => 0 });
  pauses(4, backoff);
  backoff.reset();
  expect(pauses(2, backoff)).toEqual([500, 1_000]);
});
