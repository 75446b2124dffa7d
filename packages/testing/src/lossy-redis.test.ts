import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startLossyRedis } from "./lossy-redis.ts";
import { testRedisUrl } from "./provided-services.ts";
import { removeKeys } from "./remove-keys.ts";

async function openLossy() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const proxy = await startLossyRedis(testRedisUrl());
  onTestFinished(proxy.close);
  const redis = new Redis(proxy.url, { maxRetriesPerRequest: null });
  redis.on("error", () => {});
  onTestFinished(async () => {
    await removeKeys(redis, prefix);
    redis.disconnect();
  });
  await once(redis, "ready");
  return { proxy, redis, counter: `${prefix}:counter`, other: `${prefix}:other` };
}

test("a command whose answer is lost is carried out, and carried out again by a client that repeats it", async () => {
  const { proxy, redis, counter } = await openLossy();
  const lost = proxy.loseAnswer(counter);
  const answer = redis.incr(counter);
  await lost;
  expect(await answer).toBe(2);
});

test("an answer is lost once, and those to other commands are not", async () => {
  const { proxy, redis, counter, other } = await openLossy();
  const lost = proxy.loseAnswer(counter);
  expect(await redis.incr(other)).toBe(1);
  const answer = redis.incr(counter);
  await lost;
  await answer;
  expect(await redis.incr(counter)).toBe(3);
});

test("a command in many pieces is whole before its connection breaks", async () => {
  const { proxy, redis, counter } = await openLossy();
  const large = "x".repeat(1_000_000);
  const lost = proxy.loseAnswer(counter);
  const answer = redis.set(counter, large, "GET");
  await lost;
  // What the first of the two wrote is what the second found.
  expect(await answer).toBe(large);
});
