import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "../queue.fixture.ts";
import { createStalledCheck, workOffLane } from "@darkroom/queue";
import { createTicker } from "@darkroom/runtime";

const lane = "sandbox.interactive";
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A lane that is worked off by `run`, with locks that run out within a second. */
async function openLane(run: (id: string) => Promise<number | null>) {
  const queue = await openQueue();
  const redis = connectWorker(testRedisUrl(), () => {});
  const options = { redis, keys: queue.keys, lane, concurrency: 1, lockDurationMs: 1_000, log };
  const { worker, close } = workOffLane(options, run);
  const check = createStalledCheck({ ...options, everyMs: 500 });
  const checking = createTicker({ everyMs: 500, tick: () => check(lane), onError() {} });
  onTestFinished(async () => {
    await checking.close();
    await close(0);
    redis.disconnect();
  });
  await worker.waitUntilReady();
  return { queue, worker, job: `job-${randomBytes(4).toString("hex")}` };
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

/** Sends Redis one command, and lets nothing else happen in this process for as long: what a machine does that stands still. */
function standStill(ms: number, command: string): void {
  const untilMs = performance.now() + ms;
  const { hostname, port } = new URL(testRedisUrl());
  const send = `require("node:net").connect(${port}, "${hostname}", function () { this.end(${JSON.stringify(`${command}\r\n`)}) }).resume()`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", send]);
  if (status !== 0) throw new Error(String(stderr));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.max(untilMs - performance.now(), 0));
}

test("a job that another worker has taken before its run begins is left to that worker", async () => {
  const runs: string[] = [];
  const { queue, worker, job } = await openLane(async (id) => {
    runs.push(id);
    return null;
  });
  const lock = `${queue.keys.lanes}:${lane}:${job}:lock`;
  // Between the answer that gives it out and its run.
  worker.once("active", () => standStill(400, `SET ${lock} another-worker PX 60000`));
  await queue.lanes.add(lane, job, 1);
  const next = `${job}-next`;
  await queue.lanes.add(lane, next, 2);
  await expect.poll(() => runs).toContain(next);
  expect(runs).toEqual([next]);
  expect(await queue.redis.get(lock)).toBe("another-worker");
});
