import { expect, test } from "vitest";
import { delivery, openQueue } from "./queue.fixture.ts";

const done = async () => ({ kind: "succeeded", delivery }) as const;

test("a record whose job never reached its lane is put there", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  expect(await queue.lanes.has(given.lane, given.id)).toBe(false);
  await queue.janitor().look();
  expect(await queue.lanes.has(given.lane, given.id)).toBe(true);
  expect(await queue.redis.zcard(queue.keys.unlaned)).toBe(0);
});

test("a submission of this moment is left to its own process", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.janitor({ unlanedAfterMs: 10_000 }).look();
  expect(await queue.lanes.has(given.lane, given.id)).toBe(false);
});

test("a running generation whose job is lost is begun again", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.store.start(given.id, given.lane);
  await queue.janitor().look();
  queue.worker(done);
  await expect.poll(() => queue.store.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("a retry whose job was lost between the record and the lane is put back", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.store.start(given.id, given.lane);
  await queue.store.postpone(given.id, 1, "failures", 0);
  await queue.janitor().look();
  queue.worker(done);
  await expect.poll(() => queue.store.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("a generation that was not begun in its time expires and leaves its lane", async () => {
  const queue = await openQueue();
  const given = queue.submission({ expiresInMs: 1 });
  await queue.submit(given);
  const janitor = queue.janitor();
  await expect
    .poll(async () => {
      await janitor.look();
      return queue.store.read(given.id);
    })
    .toMatchObject({ status: "expired" });
  expect(await queue.lanes.has(given.lane, given.id)).toBe(false);
  await queue.expectNothingButRecords();
});
