import { connectWorker } from "@darkroom/redis";
import { monitorRedis, startRedis, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { delivery, openLossyConnection, openQueue, type TestQueue } from "../queue.fixture.ts";
import { createAttemptStore } from "../records/attempt-store.ts";
import type { Work } from "./outcome.ts";

const lane = "sandbox.interactive";
const done = { kind: "succeeded", delivery } as const;

/** Submits generations one after the other, of one tenant, so that they are run in this order. */
async function submit(queue: TestQueue, count: number): Promise<string[]> {
  const given = Array.from({ length: count }, () => queue.submission());
  for (const submission of given) await queue.submit(submission);
  return given.map(({ id }) => id);
}

const succeeded = (queue: TestQueue, ids: readonly string[]) =>
  expect
    .poll(async () => Promise.all(ids.map(async (id) => (await queue.generations.read(id))?.status)))
    .toEqual(ids.map(() => "succeeded"));

/** Work that waits until the test lets it go on, one generation after the other. */
function openWork() {
  const begun: string[] = [];
  const mayEnd = new Map<string, PromiseWithResolvers<void>>();
  const gate = (id: string) => mayEnd.get(id) ?? mayEnd.set(id, Promise.withResolvers<void>()).get(id)!;
  const work: Work = async ({ record: { id } }) => {
    begun.push(id);
    await gate(id).promise;
    return done;
  };
  return {
    work,
    begun: (id: string) => expect.poll(() => begun).toContain(id),
    times: (id: string) => begun.filter((one) => one === id).length,
    end: (id: string) => gate(id).resolve(),
  };
}

test("a start and an ending are one command each: the record comes with the job, and the job goes with the ending", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(() => server.stop());
  const queue = await openQueue({ url: server.url });
  queue.worker(async () => done, { concurrency: 1 });
  await succeeded(queue, await submit(queue, 1));

  const sent: string[][] = [];
  const monitor = await monitorRedis(server.url, ({ words, byScript }) => {
    if (!byScript) sent.push([...words]);
  });
  onTestFinished(monitor.close);
  const ids = await submit(queue, 3);
  await expect.poll(() => queue.redis.zcard(queue.keys.retained)).toBe(4);
  const naming = (id: string) =>
    sent.filter((words) => words.includes(queue.keys.record(id))).map(([name = ""]) => name.toLowerCase());
  // The submission, the start and the ending.
  for (const id of ids) expect(naming(id)).toEqual(["evalsha", "evalsha", "evalsha"]);
  // BullMQ's own script would name the list of completed jobs.
  expect(sent.filter((words) => words.includes(`${queue.keys.lane(lane)}completed`))).toEqual([]);
  expect(await queue.redis.keys(`${queue.keys.lane(lane)}gen_*`)).toEqual([]);
  expect(await queue.redis.llen(`${queue.keys.lane(lane)}active`)).toBe(0);
});

test("a job whose lock another worker has by then is left to that worker, and its generation is ended", async () => {
  const queue = await openQueue();
  const { work, begun, end } = openWork();
  // It does not renew its locks during the test.
  queue.worker(work, { lockDurationMs: 600_000 });
  const [id = ""] = await submit(queue, 1);
  await begun(id);
  await queue.redis.set(`${queue.keys.lane(lane)}${id}:lock`, "another-worker");
  end(id);
  await succeeded(queue, [id]);
  expect(await queue.redis.get(`${queue.keys.lane(lane)}${id}:lock`)).toBe("another-worker");
  expect(await queue.lanes.find(lane, id)).toBe("held");
});

test.each(["active", "stalled", "delayed"])("an ending counts though the lane's `%s` is damaged", async (kind) => {
  const log = { debug() {}, info() {}, warn: vi.fn<(fields: object, sentence: string) => void>(), error() {} };
  const queue = await openQueue({ log });
  const waits = await queue.waits("api", 3_600_000);
  const { work, begun, end } = openWork();
  const onEnding = vi.fn<() => void>();
  queue.worker(work, { onEnding, log });
  const given = queue.submission({ caller: waits.newCaller() });
  const wait = waits.wait(given.id);
  await queue.submit(given);
  await begun(given.id);
  const name = `${queue.keys.lane(lane)}${kind}`;
  await queue.redis.del(name);
  await queue.redis.set(name, "damaged");
  end(given.id);
  expect(await wait.ended).toMatchObject({ status: "succeeded" });
  await expect.poll(() => onEnding).toHaveBeenCalledOnce();
  await queue.redis.del(name);
  const [next = ""] = await submit(queue, 1);
  await begun(next);
  end(next);
  await succeeded(queue, [next]);
});

test("an ending whose answer is lost ends the generation once, and the job that came with the answer is run by its own turn", async () => {
  const queue = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const { work, begun, end, times } = openWork();
  const onEnding = vi.fn<() => void>();
  queue.worker(work, { redis, attempts: createAttemptStore({ ...queue, redis }), concurrency: 1, onEnding });
  const [first = "", second = ""] = await submit(queue, 2);
  await begun(first);
  const lost = loseAnswer(queue.keys.record(first));
  end(first);
  await lost;
  await begun(second);
  end(second);
  await succeeded(queue, [first, second]);
  expect([times(first), times(second)]).toEqual([1, 1]);
  await expect.poll(() => onEnding).toHaveBeenCalledTimes(2);
  expect(await queue.generations.read(second)).toMatchObject({ attempts: 1 });
  await expect.poll(() => queue.redis.keys(`${queue.keys.lane(lane)}gen_*`)).toEqual([]);
});

/** Locks and checks that outlast every test: what comes back, comes back without them. */
const longLocks = { lockDurationMs: 600_000, stalledIntervalMs: 600_000 };

test("a job that came with the lost answer to an ending does not wait for the end of its lock", async () => {
  const queue = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const { work, begun, end, times } = openWork();
  queue.worker(work, { redis, attempts: createAttemptStore({ ...queue, redis }), concurrency: 1, ...longLocks });
  const [known = "", first = "", second = ""] = await submit(queue, 3);
  // Redis knows the scripts from here on.
  await begun(known);
  end(known);
  await begun(first);
  const lost = loseAnswer(queue.keys.record(first));
  end(first);
  await lost;
  await begun(second);
  end(second);
  await succeeded(queue, [first, second]);
  expect([times(first), times(second)]).toEqual([1, 1]);
  await expect.poll(() => queue.redis.keys(`${queue.keys.lane(lane)}gen_*`)).toEqual([]);
});

test("a job that came with the lost answer to a call for one does not wait for the end of its lock", async () => {
  const queue = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const { work, begun, end, times } = openWork();
  queue.worker(work, { redis, attempts: createAttemptStore({ ...queue, redis }), concurrency: 1, ...longLocks });
  const [known = ""] = await submit(queue, 1);
  await begun(known);
  end(known);
  await succeeded(queue, [known]);
  // No command of an idle worker names records but the call for a job.
  await expect.poll(() => queue.redis.llen(`${queue.keys.lane(lane)}active`)).toBe(0);
  const lost = loseAnswer(queue.keys.record(""));
  const [id = ""] = await submit(queue, 1);
  await lost;
  await begun(id);
  end(id);
  await succeeded(queue, [id]);
  expect(times(id)).toBe(1);
  expect(await queue.generations.read(id)).toMatchObject({ attempts: 1 });
});

test("a worker that stops takes no other job with its last ending", async () => {
  const queue = await openQueue();
  const { work, begun, end } = openWork();
  const worker = queue.worker(work, { concurrency: 1 });
  const [first = "", second = ""] = await submit(queue, 2);
  await begun(first);
  const closed = worker.close(60_000);
  end(first);
  await closed;
  await succeeded(queue, [first]);
  expect(await queue.lanes.find(lane, second)).toBe("waiting");
  expect(await queue.redis.llen(`${queue.keys.lane(lane)}active`)).toBe(0);
});

test("a worker that is paused takes no other job with an ending", async () => {
  const queue = await openQueue();
  const { work, begun, end } = openWork();
  const worker = queue.worker(work, { concurrency: 1 });
  const [first = "", second = ""] = await submit(queue, 2);
  await begun(first);
  worker.pause();
  end(first);
  await succeeded(queue, [first]);
  expect(await queue.lanes.find(lane, second)).toBe("waiting");
  worker.resume();
  await begun(second);
  end(second);
  await succeeded(queue, [second]);
});

test("a record that has changed since it came with its job is read again before an attempt begins", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  const asked = Promise.withResolvers<void>();
  const mayBegin = Promise.withResolvers<void>();
  const work = vi.fn<Work>(async () => done);
  queue.worker(work, {
    mayBegin: async () => {
      asked.resolve();
      await mayBegin.promise;
      return true;
    },
  });
  await queue.submit(given);
  await asked.promise;
  await queue.generations.cancel(given.id, given.lane);
  await queue.generations.retry(given.id, given.lane, given.tenant, { ...given.admission, worstCaseMicros: 7 });
  mayBegin.resolve();
  await succeeded(queue, [given.id]);
  expect(work.mock.calls[0]?.[0].record).toMatchObject({ attempts: 1, version: 4, reservedMicros: 7 });
});

test("a lock that a renewal finds gone because the ending has released it does not break off the run", async () => {
  const log = { debug() {}, info() {}, warn: vi.fn<(fields: object, sentence: string) => void>(), error() {} };
  const queue = await openQueue({ log });
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  const attempts = createAttemptStore({ ...queue, redis });
  // Sixty renewals a second, on the same connection as the endings.
  queue.worker(async () => done, {
    redis,
    attempts,
    lockDurationMs: 50,
    stalledIntervalMs: 60_000,
    concurrency: 20,
    log,
  });
  await succeeded(queue, await submit(queue, 200));
  expect(log.warn.mock.calls.map(([, sentence]) => sentence)).toEqual([]);
});
