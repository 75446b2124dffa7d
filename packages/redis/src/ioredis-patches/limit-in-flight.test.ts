import { randomBytes } from "node:crypto";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { limitInFlight } from "./limit-in-flight.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";

/** A limited connection, and a key of the test's own. */
async function open(most: number) {
  const redis = connectWorker(testRedisUrl(), () => {});
  await untilConnected(redis, 5_000);
  limitInFlight(redis, most);
  const key = `test-${randomBytes(6).toString("hex")}`;
  onTestFinished(async () => {
    if (redis.status === "ready") await redis.del(key);
    redis.disconnect();
  });
  return { redis, key };
}

const counting = (to: number): number[] => Array.from({ length: to }, (_, i) => i + 1);

test("no more commands than allowed are on their way, and the others follow in their order", async () => {
  const { redis, key } = await open(3);
  const write = vi.spyOn(redis.stream, "write");
  const answers = counting(10).map(() => redis.incr(key));
  expect(write).toHaveBeenCalledTimes(3);
  expect(await Promise.all(answers)).toEqual(counting(10));
  expect(write).toHaveBeenCalledTimes(10);
});

test("a command that fails makes room for the next one", async () => {
  const { redis, key } = await open(1);
  await redis.set(key, "no number");
  const failed = redis.incr(key);
  const value = redis.get(key);
  await expect(failed).rejects.toThrow("not an integer");
  expect(await value).toBe("no number");
});

test("every command is answered once the connection is back", async () => {
  const { redis, key } = await open(2);
  const id = await redis.client("ID");
  const killer = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => killer.disconnect());
  const answers = counting(500).map((value) => redis.set(key, value));
  await killer.client("KILL", "ID", id);
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["OK"]));
  expect(await redis.get(key)).toBe("500");
  expect(await redis.client("ID")).not.toBe(id);
});

test("those that still wait fail with a connection that is given up", async () => {
  const { redis, key } = await open(1);
  const answers = counting(5).map(() => redis.get(key));
  redis.disconnect();
  const outcomes = await Promise.allSettled(answers);
  expect(outcomes.map(({ status }) => status)).toContain("rejected");
});

test("a transaction does not wait for its turn, and takes no other command's", async () => {
  const { redis, key } = await open(1);
  const [, transaction, last] = await Promise.all([
    redis.set(key, 1),
    redis.multi().incr(key).incr(key).exec(),
    redis.incr(key),
  ]);
  expect(transaction?.map(([error]) => error)).toEqual([null, null]);
  expect(last).toBeGreaterThan(1);
});
