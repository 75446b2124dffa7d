import { once } from "node:events";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { createBatchWorker } from "./batch-worker.ts";
import { createPutNextTask } from "./batch-task.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const lane = "sandbox.batch";

type Tasks = Parameters<typeof createBatchWorker>[0]["tasks"];

const untilStopped: Tasks["validate"] = async (_, signal) => {
  await once(signal, "abort");
  return null;
};

/** A worker that does what the test says, one at a time of each kind. */
async function openTasks(over: Partial<Tasks>, more: Partial<Parameters<typeof createBatchWorker>[0]> = {}) {
  const { keys, lanes, redis: producer } = await openQueue();
  const redis = connectWorker(testRedisUrl(), () => {});
  const batches = createBatchStore(producer, keys);
  const tasks = createBatchWorker({
    redis,
    keys,
    concurrency: 1,
    lockDurationMs: 1_000,
    tasks: { validate: untilStopped, finalize: untilStopped, feed: untilStopped, ...over },
    batches,
    lanes,
    log,
    ...more,
  });
  onTestFinished(async () => {
    await tasks.close();
    redis.disconnect();
  });
  await tasks.ready();
  return { keys, redis: producer, batches, putNextTask: createPutNextTask({ lanes, log }) };
}

test("lanes are fed while files that take their time hold every slot and more of them wait", async () => {
  const fed = Promise.withResolvers<string>();
  const { putNextTask } = await openTasks({
    async feed(subject) {
      fed.resolve(subject);
      return null;
    },
  });
  for (const id of ["1", "2", "3"]) await putNextTask({ id, status: "validating", lane: null, ready: false });
  await putNextTask({ id: "4", status: "in_progress", lane, ready: false });
  expect(await fed.promise).toBe(lane);
});

test("a batch that comes while the last round of its lane ends is fed at once", async () => {
  const next = Promise.withResolvers<void>();
  let rounds = 0;
  const queue = await openTasks({
    async feed() {
      if (++rounds > 1) next.resolve();
      else {
        // What the round has looked for was not there yet.
        const asked = aBatch();
        const { id } = asked;
        await queue.batches.create(asked);
        await queue.batches.accept(id, { model: "m", lane, total: 1, chunks: [0] });
        await queue.putNextTask({ id, status: "in_progress", lane, ready: false });
      }
      return null;
    },
  });
  await queue.putNextTask({ id: "1", status: "in_progress", lane, ready: false });
  await next.promise;
  expect(rounds).toBe(2);
});

test("a task whose lock was lost is broken off: another worker may have it", async () => {
  const begun = Promise.withResolvers<AbortSignal>();
  const { keys, redis, putNextTask } = await openTasks({
    async finalize(_, signal) {
      begun.resolve(signal);
      await once(signal, "abort");
      return null;
    },
  });
  await putNextTask({ id: "1", status: "finalizing", lane, ready: true });
  const signal = await begun.promise;
  await redis.set(`${keys.lanes}:batches:finalize.1:lock`, "another");
  await once(signal, "abort");
  expect(signal.reason).toBe("lock lost");
});

test("a task that fails is done again after pauses that grow, and start short again once it has succeeded", async () => {
  const pauses: number[] = [];
  const warn = ({ pauseMs }: { pauseMs?: number }) => pauses.push(pauseMs ?? 0);
  const done = Promise.withResolvers<void>();
  let runs = 0;
  const { putNextTask } = await openTasks(
    {
      async validate() {
        if (++runs === 5) return 1;
        if (runs === 7) done.resolve();
        else throw new Error("The store is away");
        return null;
      },
    },
    { firstRetryPauseMs: 20, log: { ...log, warn } },
  );
  await putNextTask({ id: "1", status: "validating", lane: null, ready: false });
  await done.promise;
  // Half of each may be taken off.
  expect(pauses.map((pauseMs) => 10 * 2 ** Math.floor(Math.log2(pauseMs / 10)))).toEqual([10, 20, 40, 80, 10]);
});
