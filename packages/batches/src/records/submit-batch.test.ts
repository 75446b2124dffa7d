import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { createBatchWorker } from "./batch-worker.ts";
import { createBatchSubmitter } from "./submit-batch.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const hourMs = 3_600_000;

async function openSubmitter() {
  const { keys, lanes, redis } = await openQueue();
  const batches = createBatchStore(redis, keys);
  const submit = createBatchSubmitter({ batches, lanes, log, claimsMs: 60_000 });
  const submitOf = async (keyId: string) => {
    const asked = aBatch({ keyId });
    return { id: asked.id, created: await submit(asked, { body: null }) };
  };
  return { keys, lanes, redis, batches, submitOf };
}

test("a key's many batches are not all looked at before another key's first", async () => {
  const { keys, lanes, batches, submitOf } = await openSubmitter();
  const many = [await submitOf("one"), await submitOf("one"), await submitOf("one")].map(({ id }) => id);
  const { id: other } = await submitOf("another");
  const seen: string[] = [];
  const all = Promise.withResolvers<void>();
  const redis = connectWorker(testRedisUrl(), () => {});
  const note = async (id: string) => {
    if (seen.push(id) === 4) all.resolve();
    return null;
  };
  const tasks = createBatchWorker({
    redis,
    keys,
    concurrency: 1,
    lockDurationMs: 5_000,
    tasks: { validate: note, feed: note, finalize: note },
    batches,
    lanes,
    log,
  });
  onTestFinished(async () => {
    await tasks.close();
    redis.disconnect();
  });
  await all.promise;
  expect(seen).toEqual([many[0], other, many[1], many[2]]);
});

test("what a key made more than an hour ago does not count", async () => {
  const { keys, redis, submitOf } = await openSubmitter();
  await redis.rpush(keys.batchCreations("key"), Date.now() - hourMs - 1_000, Date.now() - 2 * hourMs);
  expect((await submitOf("key")).created).toEqual({ kind: "created", ofHour: 1 });
  expect((await submitOf("key")).created).toEqual({ kind: "created", ofHour: 2 });
});

test("an idempotency key lasts as long as its batch has not ended, and its time counts from the ending", async () => {
  const { keys, redis, batches } = await openSubmitter();
  const request = { body: null, idempotencyKey: "k", claimsMs: 60_000 };
  const first = aBatch();
  await batches.create(first, request);
  const [claim = ""] = await redis.keys(`${keys.root}batch-claim:*`);
  expect(await redis.pttl(claim)).toBe(-1);
  await batches.fail(first.id, []);
  expect(await redis.pttl(claim)).toBeGreaterThan(55_000);
  expect(await batches.create(aBatch(), request)).toEqual({ kind: "attached", id: first.id });
});
