import { expect, test } from "vitest";
import { createServiceTimes } from "./service-times.ts";

test("the service time of a lane is the mean of its jobs, and null before the first", () => {
  const times = createServiceTimes();
  expect(times.meanMs("a")).toBeNull();
  times.observe("a", 1_000);
  times.observe("a", 2_001);
  times.observe("b", 7);
  expect([times.meanMs("a"), times.meanMs("b")]).toEqual([1_501, 7]);
});

test("the mean of the service time follows the latest jobs", () => {
  const times = createServiceTimes();
  for (let i = 0; i < 500; i++) times.observe("a", 10_000);
  for (let i = 0; i < 500; i++) times.observe("a", 100);
  expect(times.meanMs("a")).toBeLessThan(200);
});
