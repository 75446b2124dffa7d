import { connectWorker, untilConnected } from "@darkroom/redis";
import { startLossyRedis, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue, type TestQueue } from "../queue.fixture.ts";
import { createAttemptStore } from "../records/attempt-store.ts";
import type { Work } from "./outcome.ts";
import type { AttemptEnding } from "./run-attempt.ts";

const lane = "sandbox.interactive";
const done = { kind: "succeeded", delivery } as const;
const error = { code: "overloaded", message: "Busy." } as const;
const limited = { kind: "retry", error, rateLimited: "wholly" } as const;
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };

/** Submits a generation and waits until it has succeeded after one refusal. */
async function succeeded(queue: TestQueue) {
  const given = queue.submission();
  await queue.submit(given);
  await expect
    .poll(() => queue.generations.read(given.id))
    .toMatchObject({ status: "succeeded", attempts: 2, rateLimits: 1, failures: 0 });
}

type Name = (names: { id: string; backoff: string }) => string;

test.each<[step: string, duringAttempt: 1 | 2, text: Name]>([
  // A text that of all commands of that attempt the first one of this step is given.
  ["closing the lane", 1, ({ backoff }) => backoff],
  ["putting the generation in line", 1, () => "86400000"],
  ["putting the job in line", 1, ({ id }) => `:${lane}:${id}`],
  ["quickening the lane", 2, ({ backoff }) => backoff],
])("the answer to %s is lost: one refusal is counted, and the generation ends once", async (_, attempt, text) => {
  const queue = await openQueue();
  const proxy = await startLossyRedis(testRedisUrl());
  const redis = connectWorker(proxy.url, () => {});
  onTestFinished(async () => {
    redis.disconnect();
    await proxy.close();
  });
  await untilConnected(redis, 5_000);
  const backoff = queue.keys.backoff(lane);
  let lost: Promise<void> | undefined;
  let loses = false;
  const calls: string[] = [];
  const work: Work = async ({ record: { id, rateLimits } }) => {
    calls.push(id);
    if (loses && rateLimits === attempt - 1) lost ??= proxy.loseAnswer(text({ id, backoff }));
    return rateLimits === 0 ? limited : done;
  };
  const endings: AttemptEnding[] = [];
  const worker = queue.worker(work, {
    redis,
    attempts: createAttemptStore({ redis, keys: queue.keys, retention }),
    onEnding: (_record, ending) => void endings.push(ending),
    random: () => 0,
  });
  // Redis knows the scripts from here on: what is lost is the answer to one, not the word that it is unknown.
  await succeeded(queue);
  loses = true;
  await succeeded(queue);
  await lost;
  await worker.close(1_000);
  expect(lost).toBeDefined();
  expect(calls).toHaveLength(4);
  expect(endings).toHaveLength(2);
  expect(await queue.redis.hget(backoff, "refusals")).toBe("0");
  await queue.expectNothingButRecords();
});
