import { setTimeout as pause } from "node:timers/promises";
import { StorageError } from "@darkroom/storage";
import { expect, test, vi } from "vitest";
import { live, openLane, work } from "./open-lane.fixture.ts";
import { batchObjects } from "./records/batch-objects.ts";

/** Has each call take a moment, and counts the calls and how many of them were under way at most. */
function counting<Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) {
  const counts = { calls: 0, most: 0 };
  let underWay = 0;
  const counted = async (...args: Args) => {
    counts.calls++;
    counts.most = Math.max(counts.most, ++underWay);
    await pause(5);
    return call(...args).finally(() => underWay--);
  };
  return { counts, counted };
}

test("the lines of many small batches are read once for each, some at a time, and their results are one object each", async () => {
  const queue = openLane();
  const begunMs = performance.now();
  const ids: string[] = [];
  // The rounds are made before two seconds have passed, however long they take.
  queue.time.offsetMs = -60_000;
  for (let i = 0; i < 80; i++) ids.push(await queue.begin(3));
  const { counts: gets, counted: get } = counting(queue.objects.get.bind(queue.objects));
  const { counts: puts, counted: put } = counting(queue.objects.put.bind(queue.objects));
  vi.spyOn(queue.objects, "get").mockImplementation(get);
  vi.spyOn(queue.objects, "put").mockImplementation(put);
  const round = queue.newRound();
  await round(live);
  for (const id of ids) expect(await queue.read(id)).toMatchObject({ fed: 3 });
  expect(gets.calls).toBe(80);
  // A part of the lines has ended when the next round comes.
  for (const id of ids) await work(queue, id, 1);
  // Lines wait two seconds for others, and the test may have taken longer.
  queue.time.offsetMs = begunMs - performance.now();
  await round(live);
  for (const id of ids) await work(queue, id);
  await round(live);
  for (const id of ids) expect(await queue.read(id)).toMatchObject({ ready: true, completed: 3, segments: 1 });
  expect(puts.calls).toBe(80);
  for (const { most } of [gets, puts]) {
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(16);
  }
});

test("a batch whose results the store refuses holds up no other, and goes on when it takes them", async () => {
  const queue = openLane();
  const refused = await queue.begin(3);
  const other = await queue.begin(6, "other", {}, "key_of_other");
  const results = batchObjects("acme", refused).results(0);
  const put = queue.objects.put.bind(queue.objects);
  const writing = vi.spyOn(queue.objects, "put").mockImplementation(async (key, ...rest) => {
    if (key === results) throw new StorageError({ operation: "put", key, retryable: false, advice: "No." });
    await put(key, ...rest);
  });
  const round = queue.newRound();
  await round(live);
  await work(queue, refused);
  await work(queue, other);
  await round(live);
  expect(await queue.read(other)).toMatchObject({ ready: true, completed: 5, failed: 1 });
  expect(await queue.read(refused)).toMatchObject({ ready: false, completed: 0, fed: 3 });
  writing.mockRestore();
  queue.time.offsetMs = 10_000;
  await round(live);
  expect(await queue.read(refused)).toMatchObject({ ready: true, completed: 3 });
});
