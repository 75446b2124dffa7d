import { once } from "node:events";
import { connectWorker } from "@darkroom/redis";
import { startTcpProxy, testRedisUrl } from "@darkroom/testing";
import { Worker } from "bullmq";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";
import type { Work } from "./outcome.ts";

const done = { kind: "succeeded", delivery } as const;
const lane = "sandbox.interactive";
const lockDurationMs = 600;

/** A worker whose way to Redis can be interrupted, and which looks for no stalled jobs of its own accord. */
async function openCutOff(work: Work) {
  const queue = await openQueue();
  const proxy = await startTcpProxy(testRedisUrl());
  onTestFinished(() => proxy.close());
  const redis = connectWorker(proxy.url, () => {});
  onTestFinished(() => redis.disconnect());
  const worker = queue.worker(work, { redis, lockDurationMs, stalledIntervalMs: 3_600_000 });
  await worker.ready();
  const lock = (id: string) => `${queue.keys.lanes}:${lane}:${id}:lock`;
  return {
    queue,
    proxy,
    worker,
    /** Resolves when no worker holds a lock on the job, and others may look for stalled jobs: BullMQ lets a lane be looked at once an interval. */
    lockGone: async (id: string) => {
      await expect.poll(() => queue.redis.exists(lock(id))).toBe(0);
      await queue.redis.del(`${queue.keys.lanes}:${lane}:stalled-check`);
    },
    /** Resolves when the lock of the job has been renewed. */
    renewed: async (id: string) => {
      const leftMs = await queue.redis.pttl(lock(id));
      let lastMs = leftMs;
      await expect
        .poll(async () => {
          const nowMs = await queue.redis.pttl(lock(id));
          const isLonger = nowMs > lastMs;
          lastMs = nowMs;
          return isLonger;
        })
        .toBe(true);
    },
  };
}

/** Looks for stalled jobs as the worker of another machine does, and puts them back on the lane. */
async function findStalled({ keys }: Awaited<ReturnType<typeof openQueue>>): Promise<void> {
  const connection = connectWorker(testRedisUrl(), () => {});
  const other = new Worker(lane, null, { connection, prefix: keys.lanes, autorun: false, stalledInterval: 50 });
  const found = once(other, "stalled");
  await other.startStalledCheckTimer();
  await found;
  await other.close();
  connection.disconnect();
}

test("a job that comes back to its own worker is run when its former run, told that it lost the job, has ended", async () => {
  const begun: number[] = [];
  const told: unknown[] = [];
  const firstBegan = Promise.withResolvers<void>();
  const firstMayEnd = Promise.withResolvers<void>();
  const { queue, proxy, worker, lockGone, renewed } = await openCutOff(async ({ record, signal }) => {
    begun.push(record.attempts);
    firstBegan.resolve();
    await once(signal, "abort");
    told.push(signal.reason);
    if (record.attempts === 1) await firstMayEnd.promise;
    throw new Error("broken off");
  });
  const given = queue.submission();
  await queue.submit(given);
  await firstBegan.promise;

  proxy.blackhole();
  await lockGone(given.id);
  await findStalled(queue);
  proxy.restore();
  await expect.poll(() => told).toEqual(["lock lost"]);
  expect(begun).toEqual([1]);

  firstMayEnd.resolve();
  await expect.poll(() => begun).toEqual([1, 2]);
  // The end of the former run takes nothing from the new one: its lock is renewed, and a cancellation reaches it.
  await renewed(given.id);
  await renewed(given.id);
  expect(worker.active()).toEqual([given.id]);
  await queue.generations.cancel(given.id, given.lane);
  worker.cancel(given.id);
  await expect.poll(() => told).toEqual(["lock lost", "canceled"]);
  await expect.poll(() => worker.active()).toEqual([]);
  expect(await queue.generations.read(given.id)).toMatchObject({ status: "canceled", attempts: 2 });
});

test("a lock that ran out while Redis was out of reach is taken again where no other worker has found the job", async () => {
  const begun = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const { queue, proxy, lockGone, renewed } = await openCutOff(async () => {
    begun.resolve();
    await mayEnd.promise;
    return done;
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  proxy.blackhole();
  await lockGone(given.id);
  proxy.restore();
  await renewed(given.id);
  mayEnd.resolve();
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 1 });
});

test("a run whose job another worker has taken is told so, and leaves the job to it", async () => {
  const told: unknown[] = [];
  const begun = Promise.withResolvers<void>();
  const { queue, proxy, worker, lockGone } = await openCutOff(async ({ signal }) => {
    begun.resolve();
    await once(signal, "abort");
    told.push(signal.reason);
    throw new Error("broken off");
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  proxy.blackhole();
  await lockGone(given.id);
  const taken = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  queue.worker(async () => {
    taken.resolve();
    await mayEnd.promise;
    return done;
  });
  await taken.promise;
  proxy.restore();
  await expect.poll(() => told).toEqual(["lock lost"]);
  await expect.poll(() => worker.active()).toEqual([]);
  mayEnd.resolve();
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});
