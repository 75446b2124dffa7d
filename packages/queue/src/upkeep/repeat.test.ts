import { expect, onTestFinished, test } from "vitest";
import { repeat } from "./repeat.ts";

test("a look is repeated, and its failure does not end the repetition", async () => {
  const errors: unknown[] = [];
  const repetition = repeat(
    1,
    () => Promise.reject(new Error("away")),
    (error) => errors.push(error),
  );
  onTestFinished(() => repetition.close());
  await expect.poll(() => errors.length).toBeGreaterThan(2);
});

test("looks never overlap, and closing waits for the one under way", async () => {
  let underWay = 0;
  let most = 0;
  const begun = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<void>();
  const look = async () => {
    most = Math.max(most, ++underWay);
    begun.resolve();
    await slow.promise;
    underWay--;
  };
  const repetition = repeat(1, look, () => {});
  await begun.promise;
  const closed = repetition.close();
  slow.resolve();
  await closed;
  expect([underWay, most]).toEqual([0, 1]);
});

test("closing does not wait for a look that may never end", async () => {
  const begun = Promise.withResolvers<void>();
  const look = () => {
    begun.resolve();
    return new Promise<void>(() => {});
  };
  const repetition = repeat(1, look, () => {});
  await begun.promise;
  await expect(repetition.close()).resolves.toBeUndefined();
});
