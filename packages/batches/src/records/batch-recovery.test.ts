import { openQueue } from "@darkroom/generations/queue-fixture";
import { createTaskLeases } from "@darkroom/redis";
import { expect, onTestFinished, test } from "vitest";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchRecovery } from "./batch-recovery.ts";
import { createBatchStore } from "./batch-store.ts";
import { batchTask, laneOfTask } from "./batch-task.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

test("a lost job is put back though a batch before it has a record that only another release can read", async () => {
  const { redis, keys, lanes, quarantine } = await openQueue();
  const batches = createBatchStore(redis, keys);
  const [unreadable, other] = [aBatch(), aBatch()];
  for (const batch of [unreadable, other]) await batches.create(batch);
  await redis.zadd(keys.activeBatches, 0, unreadable.id);
  await redis.hset(keys.batch(unreadable.id), "status", "of tomorrow");
  const recovery = createBatchRecovery({ batches, lanes, keys, quarantine, log });
  await recovery.tick();
  const job = batchTask.validate(other.id);
  expect(await lanes.find(laneOfTask(job), job)).not.toBeNull();
  expect(await quarantine.list({ limit: 10 })).toMatchObject([
    { kind: "batch", subject: unreadable.id, droppable: false },
  ]);
});

test("one worker of two does the rounds, and the other takes over when that one stops", async () => {
  const { redis, keys, lanes, quarantine } = await openQueue();
  const rounds: string[] = [];
  const join = (name: string) => {
    const batches = { ...createBatchStore(redis, keys), active: async () => (rounds.push(name), []) };
    const leases = createTaskLeases({ redis, keys, log, renewEveryMs: 20 });
    onTestFinished(() => leases.close());
    return createBatchRecovery({ batches, lanes, keys, quarantine, log }).own(leases, 10);
  };
  const first = join("first");
  await expect.poll(() => first.parts()).toEqual(["all"]);
  const second = join("second");
  await expect.poll(() => rounds.length).toBeGreaterThan(20);
  expect(new Set(rounds)).toEqual(new Set(["first"]));
  await first.close();
  await expect.poll(() => second.parts()).toEqual(["all"]);
  await expect.poll(() => rounds).toContain("second");
});
