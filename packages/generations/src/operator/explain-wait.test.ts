import { once } from "node:events";
import { createFleet } from "@darkroom/redis";
import { joinWorker } from "@darkroom/redis/join-worker-fixture";
import { expect, test } from "vitest";
import type { Work } from "../attempts/outcome.ts";
import type { LaneWorkerOptions } from "../attempts/lane-worker.ts";
import { openQueue, type TestQueue } from "../queue.fixture.ts";
import { createOperator } from "./operator.ts";

const lane = "sandbox.interactive";
const hourMs = 3_600_000;
const error = { code: "server_error", message: "Broken." } as const;
const longPauses = {
  maxFailures: 3,
  maxCrashes: 2,
  firstPauseMs: hourMs,
  maxPauseMs: hourMs,
  maxRetryAfterMs: hourMs,
  unreadablePauseMs: 20,
};

/** A queue, and what its operator sees of it. */
async function open() {
  const queue = await openQueue();
  const fleet = createFleet(queue);
  const operator = createOperator({ ...queue, fleet });

  /** A worker that is one of the fleet. */
  async function startWorker(work: Work, over: Partial<LaneWorkerOptions> = {}) {
    const worker = queue.worker(work, over);
    const { redis, keys } = queue;
    const slots = () => ({
      lane,
      concurrency: worker.concurrency,
      active: worker.active().length,
      paused: worker.isPaused(),
    });
    await joinWorker({ redis, keys, slots, everyMs: 20 });
    await worker.ready();
    return worker;
  }

  const submit = async (tenant = "acme") => submitTo(queue, tenant);
  const why = async (id: string) => {
    const explained = await operator.explain(id);
    return explained && { reason: explained.reason, why: explained.why, position: explained.position };
  };
  return { queue, operator, startWorker, submit, why };
}

async function submitTo(queue: TestQueue, tenant: string): Promise<string> {
  const submission = queue.submission({ tenant });
  await queue.submit(submission);
  return submission.id;
}

/** Goes on until the worker stops. */
const endlessWork: Work = async ({ signal }) => {
  await once(signal, "abort");
  throw new Error("The worker stops.");
};

test("no worker: nobody works off its lane", async () => {
  const { submit, why } = await open();
  const id = await submit();
  expect(await why(id)).toEqual({
    reason: "no_worker",
    position: 1,
    why: `No worker that is alive works off the lane ${lane}: start one; it is the next.`,
  });
});

test("paused lane: no worker takes it until the lane is resumed, and then one does", async () => {
  const { queue, startWorker, submit, why } = await open();
  await queue.lanes.pause(lane);
  await startWorker(endlessWork);
  await submit();
  const id = await submit();
  expect(await why(id)).toEqual({
    reason: "lane_paused",
    position: 2,
    why: `The lane ${lane} is paused, and no worker takes a job from it until it is resumed; 1 job comes before it.`,
  });
  await queue.lanes.resume(lane);
  await expect.poll(() => why(id)).toMatchObject({ reason: "running", position: null });
});

test("upstream braked: the lane gives out no job for as long as the upstream asked for", async () => {
  const { startWorker, submit, why } = await open();
  const limited: Work = async () => ({ kind: "retry", error, rateLimited: "wholly", retryAfterMs: 60_000 });
  await startWorker(limited, { concurrency: 1 });
  await submit();
  const id = await submit();
  // Once the refused job is back in its place before it.
  await expect
    .poll(async () => (await why(id))?.why)
    .toMatch(
      new RegExp(
        `^The rate limit of the upstream is reached, and the lane ${lane} gives out no job for another \\d+ s; 1 job comes before it\\.$`,
      ),
    );
});

test("concurrency limit: all slots of the lane's workers are in use", async () => {
  const { startWorker, submit, why } = await open();
  await startWorker(endlessWork, { concurrency: 2 });
  const running = [await submit(), await submit()];
  for (const one of running) await expect.poll(() => why(one)).toMatchObject({ reason: "running" });
  const id = await submit();
  expect(await why(id)).toEqual({
    reason: "concurrency_limit",
    position: 1,
    why: `All 2 slots of the 1 worker of the lane ${lane} are in use (WORKER_CONCURRENCY); it is the next.`,
  });
});

test("delayed retry: it waits for the end of the pause after an attempt that failed", async () => {
  const { startWorker, submit, why } = await open();
  await startWorker(async () => ({ kind: "retry", error, retryAfterMs: hourMs }), { retryPolicy: longPauses });
  const id = await submit();
  await expect.poll(() => why(id)).toMatchObject({ reason: "retry_delayed", position: null });
  expect((await why(id))?.why).toMatch(
    /^Attempt 1 failed \(1 failure so far\), and the next one begins at \d{4}-\d\d-\d\dT[\d:.]+Z, in \d{4} s\.$/,
  );
});

test("a store that refuses images, a job that is lost, an ending, and an id that is unknown are told as such", async () => {
  const { queue, startWorker, submit, why } = await open();
  const worker = await startWorker(async () => ({ kind: "failed", error }));
  const failed = await submit();
  await expect
    .poll(() => why(failed))
    .toMatchObject({ reason: "ended", why: "It has ended: it is failed (server_error)." });
  worker.pause();
  // BullMQ may take one more, for which it waited when it was paused.
  await submit();
  const id = await submit();
  await expect.poll(() => why(id)).toMatchObject({ reason: "store_refuses" });
  await queue.lanes.remove(lane, id);
  expect(await why(id)).toMatchObject({ reason: "job_missing" });
  expect(await why("gen_unknown")).toBeNull();
});

test("a generation that its worker has put back before an attempt waits for room", async () => {
  const { startWorker, submit, why, queue } = await open();
  await startWorker(async () => ({ kind: "failed", error }), { admit: async () => hourMs });
  const id = await submit();
  await expect.poll(() => queue.lanes.jobs({ lane, state: "delayed", from: 0, limit: 1 })).toMatchObject({ ids: [id] });
  expect(await why(id)).toEqual({
    reason: "no_room",
    position: null,
    why: "No deployment of its model had room for it, or its worker could not store images. It returns to the line within about 30 s.",
  });
});
