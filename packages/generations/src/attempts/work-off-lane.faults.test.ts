import { randomBytes } from "node:crypto";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "../queue.fixture.ts";
import { workOffLane } from "@darkroom/queue";

const lane = "sandbox.interactive";
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A lane that is worked off by `run`, with locks that run out within a second. */
async function openLane(run: (id: string) => Promise<number | null>) {
  const queue = await openQueue();
  const redis = connectWorker(testRedisUrl(), () => {});
  const options = { redis, keys: queue.keys, lane, concurrency: 1, lockDurationMs: 1_000, stalledIntervalMs: 500, log };
  const { worker, close } = workOffLane(options, run);
  onTestFinished(async () => {
    await close(0);
    redis.disconnect();
  });
  await worker.waitUntilReady();
  return { queue, job: `job-${randomBytes(4).toString("hex")}` };
}

test("a job whose run throws goes back to its lane and is run again", async () => {
  let runs = 0;
  const { queue, job } = await openLane(async () => {
    if (++runs < 3) throw new Error("OOM command not allowed when used memory > 'maxmemory'.");
    return null;
  });
  await queue.lanes.add(lane, job, 1);
  await expect.poll(() => queue.lanes.find(lane, job)).toBeNull();
  expect(runs).toBe(3);
});

test("a job that cannot be given back is run again when its lock has run out", async () => {
  let runs = 0;
  const { queue, job } = await openLane(async (id) => {
    if (++runs > 1) return null;
    // The worker that gives it back is told that the lock is not its own.
    await queue.redis.del(`${queue.keys.lanes}:${lane}:${id}:lock`);
    throw new Error("Redis is away");
  });
  await queue.lanes.add(lane, job, 1);
  await expect.poll(() => queue.lanes.find(lane, job)).toBeNull();
  expect(runs).toBe(2);
});
