import { childEnvironment, testRedisUrl } from "@darkroom/testing";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { connectWorker, untilConnected } from "../redis-connections.ts";

const file = fileURLToPath(new URL("task-worker.fixture.ts", import.meta.url));
const leaseMs = 1_000;

/** A fleet of processes that have one task between them. */
async function openFleet() {
  const prefix = `leases-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  return {
    async start() {
      const worker = spawn(process.execPath, [file, testRedisUrl(), prefix, `${leaseMs}`], { env: childEnvironment() });
      onTestFinished(() => void worker.kill("SIGKILL"));
      await once(worker.stdout, "data");
      return worker;
    },
    /** The fences with which the task was worked on, in the order of the work. */
    fences: async () => {
      const written = await redis.lrange(`${prefix}:written`, 0, -1);
      return written.filter((fence, i) => fence !== written[i - 1]);
    },
    written: () => redis.llen(`${prefix}:written`),
    refused: async () => Number(await redis.get(`${prefix}:refused`)),
  };
}

test("the task of a worker that is killed goes to another within seconds", async () => {
  const fleet = await openFleet();
  const first = await fleet.start();
  await expect.poll(fleet.written).toBeGreaterThan(10);
  await fleet.start();
  const killedAtMs = performance.now();
  first.kill("SIGKILL");
  await expect.poll(async () => (await fleet.fences()).length).toBe(2);
  expect(performance.now() - killedAtMs).toBeLessThan(leaseMs + 2_000);
});

test("the task of a worker that stops goes to another at once", async () => {
  const fleet = await openFleet();
  const first = await fleet.start();
  await expect.poll(fleet.written).toBeGreaterThan(10);
  await fleet.start();
  const stoppedAtMs = performance.now();
  first.kill("SIGTERM");
  await expect.poll(async () => (await fleet.fences()).length).toBe(2);
  expect(performance.now() - stoppedAtMs).toBeLessThan(leaseMs);
  if (first.exitCode === null) await once(first, "exit");
  expect([first.exitCode, await fleet.refused()]).toEqual([0, 0]);
});

test("a worker that was frozen writes nothing more for a task that another has taken over", async () => {
  const fleet = await openFleet();
  const first = await fleet.start();
  await expect.poll(fleet.written).toBeGreaterThan(10);
  await fleet.start();
  first.kill("SIGSTOP");
  await expect.poll(async () => (await fleet.fences()).length).toBe(2);
  first.kill("SIGCONT");
  const before = await fleet.written();
  await expect.poll(fleet.written).toBeGreaterThan(before + 100);
  expect(await fleet.fences()).toHaveLength(2);
  // What was on its way when the process was frozen.
  expect(await fleet.refused()).toBeLessThanOrEqual(1);
});
