import { randomBytes } from "node:crypto";
import { removeKeys, testRedisUrl } from "@darkroom/testing";
import type { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { createKeys } from "../key-names.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { joinFleet } from "./join-fleet.ts";
import { readLaneServices } from "./lane-services.ts";

const lane = "sandbox.interactive";

let redis: Redis;
beforeAll(async () => {
  redis = connectWorker(testRedisUrl(), () => {});
  await untilConnected(redis, 5_000);
  return () => redis.disconnect();
});

/** An installation of its own. `join` adds a worker of the lane. */
function openFleet() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const keys = createKeys(prefix);
  onTestFinished(() => removeKeys(redis, prefix));
  let workers = 0;
  const join = async (concurrency: number, serviceMs: number | null = null, everyMs = 60_000) => {
    const slots = { lane, concurrency, active: 0, paused: false, serviceMs };
    const member = await joinFleet({
      redis,
      keys,
      name: `worker-${++workers}`,
      facts: () => ({
        kind: "worker",
        host: "node-7",
        pid: workers,
        version: "0.1.0",
        state: "running",
        active: 0,
        lanes: [slots],
      }),
      onDrain: () => {},
      log: { info() {}, warn() {} },
      everyMs,
    });
    onTestFinished(() => member.close());
    return Object.assign(member, { slots });
  };
  return { keys, join, read: () => readLaneServices({ redis, keys }) };
}

test("what a worker tells of its lane is read: its slots, and how long a job holds one", async () => {
  const { join, read } = openFleet();
  expect(await read()).toEqual(new Map());
  await join(10, 2_000);
  expect(await read()).toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 2_000 }]]));
});

test("workers that differ count with their mean, and one that has ended no job yet tells no time", async () => {
  const { join, read } = openFleet();
  await join(10, 1_000);
  await join(20, 3_000);
  await join(30);
  expect(await read()).toEqual(new Map([[lane, { workers: 3, concurrency: 20, serviceMs: 2_000 }]]));
});

test("when the last worker has stopped, its slots and its times are still known", async () => {
  const { join, read } = openFleet();
  const worker = await join(10, null, 500);
  worker.slots.serviceMs = 1_000;
  await expect.poll(read).toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 1_000 }]]));
  await worker.close();
  expect(await read()).toEqual(new Map([[lane, { workers: 0, concurrency: 10, serviceMs: 1_000 }]]));
  // Nor does the next worker make them forgotten that has ended no job.
  await join(15);
  expect(await read()).toEqual(new Map([[lane, { workers: 1, concurrency: 15, serviceMs: 1_000 }]]));
});

test("a worker that was killed is forgotten when its heartbeat is, and its times are not", async () => {
  const { keys, join, read } = openFleet();
  await join(10, 1_000);
  await join(20, 3_000);
  await redis.del(keys.process("worker-2"));
  expect(await read()).toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 1_000 }]]));
  await redis.del(keys.process("worker-1"));
  expect(await read()).toEqual(new Map([[lane, { workers: 0, concurrency: 20, serviceMs: 3_000 }]]));
});

test("a worker that died before the clock of Redis was set back is forgotten, although its description goes on", async () => {
  const { keys, join, read } = openFleet();
  await join(10, 1_000);
  await join(20, 3_000);
  await redis.hincrby(keys.process("worker-2"), "seenAt", 3_600_000);
  expect(await read()).toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 1_000 }]]));
});

test("what is kept of a lane and is damaged is passed over, and hides no lane that has workers", async () => {
  const { keys, join, read } = openFleet();
  await redis.hset(keys.laneServices, "odd.lane", "?");
  await join(10, 1_000);
  expect(await read()).toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 1_000 }]]));
  await redis.del(keys.laneServices);
  await redis.set(keys.laneServices, "of another type");
  await join(30, 3_000);
  expect(await read()).toEqual(new Map([[lane, { workers: 2, concurrency: 20, serviceMs: 2_000 }]]));
});
