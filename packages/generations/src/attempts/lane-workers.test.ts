import { readLaneServices, tellLaneWorker } from "@darkroom/queue";
import { expect, onTestFinished, test } from "vitest";
import { openQueue, type TestQueue } from "../queue.fixture.ts";

const lane = "sandbox.interactive";
const log = { warn() {} };

function tell(queue: TestQueue, concurrency: number, serviceMs: readonly number[] = []) {
  const worker = tellLaneWorker({ ...queue, lanes: [{ lane, concurrency }], log, everyMs: 20 });
  for (const ms of serviceMs) worker.observe(lane, ms);
  onTestFinished(() => worker.close());
  return worker;
}

test("what a worker tells of its lane is read: its slots, and how long a job holds one", async () => {
  const queue = await openQueue();
  expect(await readLaneServices(queue)).toEqual(new Map());
  tell(queue, 10, [1_000, 3_000]);
  await expect
    .poll(() => readLaneServices(queue))
    .toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 2_000 }]]));
});

test("workers that differ count with their mean, and one that has ended no job yet tells no time", async () => {
  const queue = await openQueue();
  tell(queue, 10, [1_000]);
  tell(queue, 20, [3_000]);
  tell(queue, 30);
  await expect
    .poll(() => readLaneServices(queue))
    .toEqual(new Map([[lane, { workers: 3, concurrency: 20, serviceMs: 2_000 }]]));
});

test("when the last worker has stopped, its slots and its times are still known", async () => {
  const queue = await openQueue();
  const worker = tell(queue, 10, [1_000]);
  await expect.poll(async () => (await readLaneServices(queue)).get(lane)?.workers).toBe(1);
  await worker.close();
  expect(await readLaneServices(queue)).toEqual(new Map([[lane, { workers: 0, concurrency: 10, serviceMs: 1_000 }]]));
  // Nor does the next worker make them forgotten that has ended no job.
  tell(queue, 15);
  await expect
    .poll(() => readLaneServices(queue))
    .toEqual(new Map([[lane, { workers: 1, concurrency: 15, serviceMs: 1_000 }]]));
});

test("a worker that was killed is forgotten, and a damaged note is passed over and removed", async () => {
  const queue = await openQueue();
  const { redis, keys } = queue;
  await redis.hset(keys.laneWorkers, `${lane} killed`, "1 50 9000", `${lane} odd`, "?", "odd.lane", "?");
  tell(queue, 10, [1_000]);
  await expect
    .poll(() => readLaneServices(queue))
    .toEqual(new Map([[lane, { workers: 1, concurrency: 10, serviceMs: 1_000 }]]));
  expect(await redis.hkeys(keys.laneWorkers)).toHaveLength(3);
  expect(await redis.hexists(keys.laneWorkers, `${lane} killed`)).toBe(0);
  expect(await redis.hexists(keys.laneWorkers, `${lane} odd`)).toBe(0);
});

test("a worker that was killed before the clock of Redis was set back does not count until the clock has caught up", async () => {
  const queue = await openQueue();
  const { redis, keys } = queue;
  await redis.hset(keys.laneWorkers, `${lane} killed`, `${Date.now() + 3_600_000} 50 9000`, lane, "50 9000");
  expect((await readLaneServices(queue)).get(lane)?.workers).toBe(0);
  tell(queue, 10, [1_000]);
  await expect.poll(() => redis.hexists(keys.laneWorkers, `${lane} killed`)).toBe(0);
});

test("the mean of the service time follows the latest jobs", async () => {
  const queue = await openQueue();
  const slow = Array.from({ length: 500 }, () => 10_000);
  const fast = Array.from({ length: 500 }, () => 100);
  tell(queue, 10, [...slow, ...fast]);
  await expect.poll(async () => (await readLaneServices(queue)).get(lane)?.serviceMs).toBeLessThan(200);
});
