import { redisTime } from "@darkroom/redis";
import { startStopwatch } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { delivery, openQueue, type TestQueue } from "../queue.fixture.ts";
import type { Work } from "./outcome.ts";
import { createLaneBackoff, queuePosition, startsSpanMs } from "@darkroom/queue";

const lane = "sandbox.interactive";
const done = { kind: "succeeded", delivery } as const;
const error = { code: "overloaded", message: "Busy." } as const;
const limited = { kind: "retry", error, rateLimited: "wholly" } as const;

/** An upstream that is busy for its first calls, and then for `busyMs` in all. It takes `drawMs` for an image, and notes each call. */
function createUpstream({ busyMs = 0, busyCalls = 0, drawMs = 0, retryAfterMs = 1_000 } = {}) {
  const openAtMs = performance.now() + busyMs;
  const ranMs = startStopwatch();
  const calls: { id: string; tenant: string; atMs: number; ranMs: number; refused: boolean }[] = [];
  const work: Work = async ({ record: { id, tenant } }) => {
    const atMs = performance.now();
    const refused = atMs < openAtMs || calls.length < busyCalls;
    calls.push({ id, tenant, atMs, ranMs: ranMs(), refused });
    if (refused) return { ...limited, retryAfterMs };
    if (drawMs > 0) await new Promise((resolve) => setTimeout(resolve, drawMs));
    return done;
  };
  return { work, calls, drawn: () => calls.filter(({ refused }) => !refused) };
}

async function submit(queue: TestQueue, count: number, over: object = {}) {
  const submissions = Array.from({ length: count }, () => queue.submission(over));
  for (const submission of submissions) await queue.submit(submission);
  return submissions.map(({ id }) => id);
}

const read = (queue: TestQueue, ids: readonly string[]) => Promise.all(ids.map((id) => queue.generations.read(id)));
const untilEnded = (queue: TestQueue, ids: readonly string[]) =>
  expect
    .poll(async () => (await read(queue, ids)).filter((record) => record?.endedAtMs === null).length, {
      interval: 100,
    })
    .toBe(0);
/** Waits until a generation was refused, and is in line again. */
const untilRefused = (queue: TestQueue, id: string) =>
  expect.poll(() => queue.generations.read(id)).toMatchObject({ status: "queued", rateLimits: 1 });

test("fifty jobs, two workers, a busy upstream: few calls are made, each job succeeds, and no failure is counted", async () => {
  const queue = await openQueue();
  const ids = await submit(queue, 50);
  const upstream = createUpstream({ busyMs: 3_000, drawMs: 50 });
  for (let i = 0; i < 2; i++) queue.worker(upstream.work, { concurrency: 5 });
  await untilEnded(queue, ids);
  for (const record of await read(queue, ids)) {
    expect(record).toMatchObject({ status: "succeeded", failures: 0 });
    expect((record?.attempts ?? 0) - (record?.rateLimits ?? 0)).toBe(1);
  }
  expect(upstream.drawn()).toHaveLength(50);
  // What had begun when the first refusal came, and one try for each pause.
  expect(upstream.calls.length - 50).toBeLessThanOrEqual(14);
  await queue.expectNothingButRecords();
});

test("after the pause one job a second begins until the upstream has taken a call", async () => {
  const queue = await openQueue();
  const ids = await submit(queue, 6);
  const upstream = createUpstream({ busyCalls: 3, drawMs: 2_500, retryAfterMs: 500 });
  for (let i = 0; i < 3; i++) queue.worker(upstream.work, { concurrency: 1 });
  await expect.poll(upstream.drawn).toHaveLength(2);
  const [first, second] = upstream.drawn();
  // A second by the clock of Redis, from the moment when the job was handed out. What comes between that and the call is not always as long.
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(500);
  await untilEnded(queue, ids);
  // Each call that was taken doubles the pace, and the sixth lifts the limit.
  await expect.poll(() => queue.redis.hexists(`${queue.keys.lanes}:${lane}:meta`, "max")).toBe(0);
  expect(await queue.redis.hget(queue.keys.backoff(lane), "refusals")).toBe("0");
});

test("a job that a worker is given while it waits for the next turn of a slow lane is begun before its lock runs out", async () => {
  const warnings: string[] = [];
  const note = (_: object, sentence: string) => void warnings.push(sentence);
  const queue = await openQueue({ log: { debug() {}, info() {}, warn: note, error: note } });
  const ids = await submit(queue, 2);
  // What a pause leaves behind: one job in each turn, which is longer than a lock lasts here.
  await queue.redis.hset(`${queue.keys.lanes}:${lane}:meta`, { max: 1, duration: 4_000 });
  // When the first job begins, its worker has asked for a second one and waits for the next turn. The first one's success doubles the pace,
  // so that BullMQ answers its ending with the second job.
  queue.worker(async () => done, { concurrency: 2, lockDurationMs: 1_500, stalledIntervalMs: 100 });
  await untilEnded(queue, ids);
  // The stalled check has taken no job away.
  expect(warnings).toEqual([]);
  for (const record of await read(queue, ids)) expect(record).toMatchObject({ status: "succeeded", attempts: 1 });
});

test("a clock that was set back does not make a refusal close the lane until it has come as far again", async () => {
  const { redis, keys } = await openQueue();
  const backoff = createLaneBackoff({ redis, keys, random: () => 0 });
  expect(await backoff.refused(lane, { begunAgoMs: 0, retryAfterMs: undefined })).toBe(1_000);
  // The clock loses an hour: the times that were noted lie ahead.
  for (const time of ["until", "notedAt"]) await redis.hincrby(keys.backoff(lane), time, 3_600_000);
  await backoff.accepted(lane, { begunAgoMs: 0, ended: false });
  expect(await redis.hget(`${keys.lanes}:${lane}:meta`, "max")).toBe("2");
  expect(await backoff.refused(lane, { begunAgoMs: 0, retryAfterMs: undefined })).toBe(1_000);
});

test("a lane that a clock which was set back keeps closed for longer than any pause is opened", async () => {
  const queue = await openQueue();
  const ids = await submit(queue, 2);
  await queue.redis.hset(`${queue.keys.lanes}:${lane}:meta`, { max: 1, duration: 1_000 });
  await queue.redis.set(`${queue.keys.lanes}:${lane}:limiter`, Number.MAX_SAFE_INTEGER, "PX", 3_600_000);
  queue.worker(async () => done);
  await untilEnded(queue, ids);
  for (const record of await read(queue, ids)) expect(record).toMatchObject({ status: "succeeded" });
});

test("a call that is under way for five seconds was taken: the lane does not wait for its image to become faster", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  const image = Promise.withResolvers<void>();
  const settings = `${queue.keys.lanes}:${lane}:meta`;
  queue.worker(async ({ record }) => {
    if (record.rateLimits === 0) return limited;
    await image.promise;
    return done;
  });
  await expect.poll(() => queue.redis.hget(settings, "max")).toBe("1");
  await expect.poll(() => queue.redis.hget(settings, "max")).toBe("2");
  expect(await queue.redis.hget(queue.keys.backoff(lane), "refusals")).toBe("1");
  image.resolve();
  await untilEnded(queue, [id]);
  await expect.poll(() => queue.redis.hget(queue.keys.backoff(lane), "refusals")).toBe("0");
});

test("when a generation of a closed lane begins is told by the time when the lane opens", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  queue.worker(createUpstream({ busyMs: 600_000, retryAfterMs: 600_000 }).work);
  await untilRefused(queue, id);
  const { redis, keys, lanes } = queue;
  // The last whole spans saw a start each.
  const span = Math.floor((await redisTime(redis)) / startsSpanMs);
  for (let i = -7; i < 3; i++) await redis.set(`${keys.starts(lane)}${span + i}`, 1, "PX", 60_000);
  await expect.poll(() => queuePosition({ redis, keys, lanes }, { id, lane })).toMatchObject({ position: 1 });
  const place = await queuePosition({ redis, keys, lanes }, { id, lane });
  const inMs = (place?.estimatedStartAtMs ?? 0) - (await redisTime(redis));
  expect(inMs).toBeGreaterThan(590_000);
});

test("pauses grow while the upstream names no time, and its own time is kept", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  const upstream = createUpstream({ busyCalls: 3, retryAfterMs: 0 });
  queue.worker(upstream.work, { random: () => 0 });
  await untilEnded(queue, [id]);
  // One, two and four seconds, and two for which it lets others go first. No worker sleeps through the moment when the lane opens.
  expect((upstream.calls.at(-1)?.ranMs ?? Infinity) - (upstream.calls[0]?.ranMs ?? 0)).toBeLessThan(10_000);
  const pauses = upstream.calls.map(({ atMs }, i) => atMs - (upstream.calls[i - 1]?.atMs ?? atMs)).slice(1);
  for (const [i, leastMs] of [1_000, 2_000, 4_000].entries()) expect(pauses[i]).toBeGreaterThanOrEqual(leastMs - 20);
});

test("the order among tenants is that of a lane which was never closed", async () => {
  const queue = await openQueue();
  const ids = [...(await submit(queue, 3, { tenant: "a" })), ...(await submit(queue, 3, { tenant: "b" }))];
  const upstream = createUpstream({ busyCalls: 2, retryAfterMs: 100 });
  queue.worker(upstream.work, { concurrency: 1 });
  await untilEnded(queue, ids);
  const [a1, a2, a3, b1, b2, b3] = ids;
  expect(upstream.drawn().map(({ id }) => id)).toEqual([a1, b1, a2, b2, a3, b3]);
});

test("a refused generation holds no slot, is shown as queued and not begun, and has its place in line", async () => {
  const queue = await openQueue();
  const [id = "", other = ""] = await submit(queue, 2);
  const upstream = createUpstream({ busyMs: 60_000, retryAfterMs: 60_000 });
  const worker = queue.worker(upstream.work, { concurrency: 1 });
  await untilRefused(queue, id);
  await expect.poll(worker.active).toEqual([]);
  expect(await queue.generations.read(id)).toMatchObject({ startedAtMs: null, failures: 0 });
  const place = (one: string) => queuePosition(queue, { id: one, lane });
  await expect.poll(() => place(id)).toMatchObject({ position: 1 });
  expect(await place(other)).toMatchObject({ position: 2 });
  // Another lane of the same process goes on.
  const beside = queue.submission({ lane: "other.interactive" });
  queue.worker(async () => done, { lane: "other.interactive", concurrency: 1 });
  await queue.submit(beside);
  await untilEnded(queue, [beside.id]);
  expect(upstream.calls).toHaveLength(1);
});

test("a generation of a closed lane is canceled by its owner, and when its caller leaves", async () => {
  const queue = await openQueue();
  const waits = await queue.waits();
  const caller = waits.newCaller();
  const [id = ""] = await submit(queue, 1, { caller });
  const upstream = createUpstream({ busyMs: 60_000, retryAfterMs: 60_000 });
  queue.worker(upstream.work, { concurrency: 1 });
  await untilRefused(queue, id);
  expect(await queue.generations.leave(id, lane, caller, "cut")).toBe("canceled");
  const [second = ""] = await submit(queue, 1);
  expect(await queue.generations.cancel(second, lane)).toBe("queued");
  await expect.poll(() => queue.lanes.remove(lane, id)).toBe(true);
  expect(await queue.lanes.remove(lane, second)).toBe(true);
  await queue.expectNothingButRecords();
});

test("a generation of a closed lane expires by its deadline, and recovery takes none for lost", async () => {
  const warnings: string[] = [];
  const note = (_: object, sentence: string) => void warnings.push(sentence);
  const queue = await openQueue({ log: { debug() {}, info() {}, warn: note, error: note } });
  const [id = ""] = await submit(queue, 1, { expiresInMs: 600_000 });
  const [other = ""] = await submit(queue, 1);
  const upstream = createUpstream({ busyMs: 60_000, retryAfterMs: 60_000 });
  queue.worker(upstream.work, { concurrency: 1 });
  await untilRefused(queue, id);
  const recovery = queue.recovery();
  await recovery.tick();
  expect(await queue.generations.read(id)).toMatchObject({ status: "queued" });
  // Its time is over.
  await queue.redis.hset(queue.keys.record(id), "expiresAt", 1);
  await queue.redis.zadd(queue.keys.expiring, "XX", 1, id);
  await expect
    .poll(async () => {
      await recovery.tick();
      return queue.generations.read(id);
    })
    .toMatchObject({ status: "expired", startedAtMs: null, costMicros: 0 });
  expect(await queue.generations.read(other)).toMatchObject({ status: "queued" });
  expect(await queue.redis.zcard(`${queue.keys.lanes}:${lane}:prioritized`)).toBe(1);
  expect(warnings.filter((sentence) => sentence.includes("lost"))).toEqual([]);
});

test("a worker that ends during the pause ends at once, and another makes the image after it", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  const first = queue.worker(createUpstream({ busyMs: 60_000, retryAfterMs: 2_000 }).work);
  await untilRefused(queue, id);
  const sinceMs = startStopwatch();
  await first.close(5_000);
  expect(sinceMs()).toBeLessThan(1_500);
  const upstream = createUpstream();
  queue.worker(upstream.work);
  await untilEnded(queue, [id]);
  expect(await queue.generations.read(id)).toMatchObject({ status: "succeeded", attempts: 2, rateLimits: 1 });
});

test("a worker that waits for its upstream is not taken for one that is stuck", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 2);
  const worker = queue.worker(createUpstream({ busyMs: 600_000, retryAfterMs: 600_000 }).work, { concurrency: 1 });
  await untilRefused(queue, id);
  await expect.poll(worker.active).toEqual([]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  onTestFinished(() => void vi.useRealTimers());
  expect(await worker.stuck()).toBeNull();
  await queue.redis.del(`${queue.keys.lanes}:${lane}:limiter`);
  vi.setSystemTime(Date.now() + 61_000);
  expect(await worker.stuck()).toContain("2 jobs wait");
});

test("a generation that a limit refuses again and again does not keep the lane closed to the others", async () => {
  const queue = await openQueue();
  const [refusedId = "", ...others] = await submit(queue, 6);
  queue.worker(async ({ record }) => (record.id === refusedId ? limited : done), { concurrency: 1 });
  await untilEnded(queue, others);
  for (const record of await read(queue, others)) expect(record).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(await queue.generations.read(refusedId)).toMatchObject({ status: "queued", startedAtMs: null, failures: 0 });
});

test("a worker that dies before the job is back in line: it is found, and counts as no crash", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  const mayRepeat: boolean[] = [];
  queue.worker(async (attempt) => {
    mayRepeat.push(attempt.mayRepeat);
    if (attempt.record.rateLimits > 0) return done;
    // What its death leaves behind: a job without a lock.
    await queue.redis.del(`${queue.keys.lanes}:${lane}:${id}:lock`);
    return limited;
  });
  await untilEnded(queue, [id]);
  expect(await queue.generations.read(id)).toMatchObject({
    status: "succeeded",
    attempts: 2,
    handbacks: 1,
    rateLimits: 1,
  });
  expect(mayRepeat).toEqual([false, false]);
  await queue.expectNothingButRecords();
});

test("images that a limit refused beside some that failed: the lane backs off, and a failure is counted", async () => {
  const queue = await openQueue();
  const [id = ""] = await submit(queue, 1);
  queue.worker(async ({ record }) => (record.failures === 0 ? { ...limited, rateLimited: "partly" } : done));
  await expect.poll(() => queue.generations.read(id)).toMatchObject({ failures: 1, rateLimits: 0 });
  expect(await queue.lanes.closedMs(lane)).toBeGreaterThan(0);
  await untilEnded(queue, [id]);
});
