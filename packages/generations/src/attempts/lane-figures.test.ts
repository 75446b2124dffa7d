import { createLaneBackoff, readLaneFigures, startsSpanMs } from "@darkroom/queue";
import { redisTime } from "@darkroom/redis";
import { Queue } from "bullmq";
import { expect, onTestFinished, test } from "vitest";
import { free, openQueue, type TestQueue } from "../queue.fixture.ts";

const lane = "sandbox.interactive";
const hourMs = 3_600_000;

async function submit(queue: TestQueue, tenant: string): Promise<string> {
  const submission = queue.submission({ tenant });
  await queue.submit(submission);
  return submission.id;
}

/** Moves the time at which a generation was submitted into the past. */
async function age(queue: TestQueue, id: string, byMs: number): Promise<void> {
  await queue.redis.hincrby(queue.keys.record(id), "createdAt", -byMs);
}

test("a lane that has had no job has zeros", async () => {
  const queue = await openQueue();
  expect(await readLaneFigures(queue, lane)).toEqual({
    lane,
    waiting: 0,
    active: 0,
    delayed: 0,
    oldestAgeMs: null,
    paused: false,
    closedMs: 0,
    isLimited: false,
    acceptedPerSecond: 0,
  });
});

test("jobs in line, jobs that workers hold and jobs that wait for the end of a pause are counted apart", async () => {
  const queue = await openQueue();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  onTestFinished(() => release());
  const error = { code: "server_error", message: "Broken." } as const;
  const first = await submit(queue, "acme");
  const work = async ({ record }: { record: { id: string } }) => {
    if (record.id === first) return { kind: "retry", error, retryAfterMs: 1_000 } as const;
    await held;
    return { kind: "failed", error } as const;
  };
  const pauses = { maxFailures: 3, maxCrashes: 2, firstPauseMs: hourMs, maxPauseMs: hourMs, maxRetryAfterMs: hourMs };
  const worker = queue.worker(work, { concurrency: 2, retryPolicy: { ...pauses, unreadablePauseMs: 20 } });
  await expect.poll(() => readLaneFigures(queue, lane)).toMatchObject({ active: 0, delayed: 1 });
  for (let i = 0; i < 5; i++) await submit(queue, "acme");
  await expect.poll(() => readLaneFigures(queue, lane)).toMatchObject({ waiting: 3, active: 2, delayed: 1 });
  expect(worker.active()).toHaveLength(2);
});

test("the oldest is found behind the jobs of other tenants, and among those of a worker that died", async () => {
  const queue = await openQueue();
  for (let i = 0; i < 3; i++) await submit(queue, "many");
  for (const tenant of ["a", "b", "c"]) await submit(queue, tenant);
  await age(queue, await submit(queue, "last"), hourMs);
  const { oldestAgeMs } = await readLaneFigures(queue, lane);
  expect(oldestAgeMs).toBeGreaterThanOrEqual(hourMs);
  expect(oldestAgeMs).toBeLessThan(2 * hourMs);
  const orphan = await submit(queue, "orphan");
  await age(queue, orphan, 2 * hourMs);
  await queue.redis.zrem(`${queue.keys.lanes}:${lane}:prioritized`, orphan);
  await queue.redis.lpush(`${queue.keys.lanes}:${lane}:wait`, orphan);
  const recovered = await readLaneFigures(queue, lane);
  expect(recovered.waiting).toBe(8);
  expect(recovered.oldestAgeMs).toBeGreaterThanOrEqual(2 * hourMs);
});

test("a generation that its owner has retried is as old as its retry", async () => {
  const queue = await openQueue();
  const id = await submit(queue, "acme");
  await age(queue, id, hourMs);
  await queue.generations.cancel(id, lane);
  await queue.generations.retry(id, lane, "acme", free);
  await queue.lanes.remove(lane, id);
  await queue.lanes.add(lane, id, 1);
  expect((await readLaneFigures(queue, lane)).oldestAgeMs).toBeLessThan(hourMs);
});

test("a damaged record does not hide the figures of its lane", async () => {
  const queue = await openQueue();
  await age(queue, await submit(queue, "acme"), hourMs);
  const damaged = await submit(queue, "other");
  await queue.redis.set(queue.keys.record(damaged), "no hash");
  expect(await readLaneFigures(queue, lane)).toMatchObject({
    waiting: 2,
    oldestAgeMs: expect.toSatisfy((ms) => ms >= hourMs),
  });
});

test("a paused lane and one that a rate limit closes are told", async () => {
  const queue = await openQueue();
  const operator = new Queue(lane, { connection: queue.redis, prefix: queue.keys.lanes });
  onTestFinished(() => operator.close());
  await submit(queue, "acme");
  await operator.pause();
  expect(await readLaneFigures(queue, lane)).toMatchObject({ waiting: 1, paused: true, closedMs: 0 });
  await operator.resume();
  await createLaneBackoff({ ...queue, random: () => 0 }).refused(lane, { begunAgoMs: 0, retryAfterMs: 60_000 });
  const { paused, closedMs } = await readLaneFigures(queue, lane);
  expect(paused).toBe(false);
  expect(closedMs).toBeGreaterThan(30_000);
  expect(closedMs).toBeLessThanOrEqual(60_000);
});

test("what the upstream takes is what begins, less what it refuses for its rate limit", async () => {
  const queue = await openQueue();
  const { redis, keys } = queue;
  expect(await readLaneFigures(queue, lane)).toMatchObject({ isLimited: false, acceptedPerSecond: 0 });
  // Two minutes of spans around now: whichever of them the last minute is made of, it saw sixty starts and at least thirty refusals.
  const span = Math.floor((await redisTime(redis)) / startsSpanMs);
  for (let at = -7; at < 3; at++) await redis.set(`${keys.starts(lane)}${span + at}`, 10, "PX", 60_000);
  expect(await readLaneFigures(queue, lane)).toMatchObject({ isLimited: false, acceptedPerSecond: 1 });
  const backoff = createLaneBackoff({ ...queue, random: () => 0 });
  for (let refusal = 0; refusal < 30; refusal++)
    await backoff.refused(lane, { begunAgoMs: 0, retryAfterMs: undefined });
  expect(await readLaneFigures(queue, lane)).toMatchObject({ isLimited: true, acceptedPerSecond: 0.5 });
});
