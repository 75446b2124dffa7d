import { defaultRetryPolicy } from "@darkroom/queue";
import { createCloseList } from "@darkroom/runtime";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import type { Work } from "./attempts/outcome.ts";
import { openProducer } from "./open-producer.ts";
import { openWorker } from "./open-worker.ts";
import { bill, delivery, openQueue } from "./queue.fixture.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A process that submits and one that works off a lane, in a queue of their own. */
async function openBoth(lane: string, work: Work) {
  const { keys, retention, submission } = await openQueue();
  const closes = createCloseList(log);
  onTestFinished(() => closes.closeAll());
  const prefix = keys.root.slice(0, -1);
  const place = { redisUrl: testRedisUrl(), prefix, requireNoEviction: false, retention, log, closes };
  const producer = await openProducer({ ...place, instance: "test" });
  const worker = await openWorker({
    ...place,
    dropObjects: async () => {},
    removeImages: true,
    lockDurationMs: 5_000,
    stalledIntervalMs: 1_000,
    recoveryIntervalMs: 60_000,
    auditKeysPerSecond: 1_000,
  });
  const plan = { lane, concurrency: 1, work, billOf: () => bill, retryPolicy: defaultRetryPolicy, random: () => 0.5 };
  await worker.workLanes([plan], { closeWithinMs: 1_000 });
  const given = submission({ lane, caller: producer.waits.newCaller() });
  const wait = producer.waits.wait(given.id);
  onTestFinished(() => wait.leave());
  await producer.submit(given);
  return { producer, worker, given, wait };
}

/** The lanes of batches have a connection of their own. */
const lanes = ["sandbox.interactive", "sandbox.batch"];

test.each(lanes)(
  "what a producer puts on %s is carried out by a worker, and the producer is told of its end",
  async (lane) => {
    const { producer, worker, given, wait } = await openBoth(lane, async () => ({ kind: "succeeded", delivery }));
    await wait.ended;
    expect(await producer.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 1 });
    expect(worker.laneWorkers.map((one) => one.lane)).toEqual([lane]);
    expect([await producer.findFault(), await worker.findFault()]).toEqual([null, null]);
  },
);

test.each(lanes)("what a producer cancels while it runs on %s is aborted in the worker", async (lane) => {
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<unknown>();
  const { producer, given } = await openBoth(lane, async ({ signal }) => {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => {
      aborted.resolve(signal.reason);
      reject(signal.reason);
    });
    begun.resolve();
    return promise;
  });
  await begun.promise;
  expect(await producer.generations.cancel(given.id, lane)).toBe("running");
  expect(await aborted.promise).toBe("canceled");
});
