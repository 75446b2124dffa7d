import { once } from "node:events";
import { expect, test } from "vitest";
import { bill, delivery, free, openQueue } from "../queue.fixture.ts";

const done = async () => ({ kind: "succeeded", delivery }) as const;

test("a record whose job never reached its lane is put there", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
  await queue.janitor().look();
  expect(await queue.lanes.find(given.lane, given.id)).toBe("waiting");
  expect(await queue.redis.zcard(queue.keys.unlaned)).toBe(0);
});

test("a submission of this moment is left to its own process", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.janitor({ unlanedAfterMs: 10_000 }).look();
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
});

test("a running generation whose job is lost is begun again", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await queue.janitor().look();
  queue.worker(done);
  await expect.poll(() => queue.store.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("a retry whose job was lost between the record and the lane is put back", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await queue.attempts.postpone(given.id, given.lane, 1, "failures", 0);
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
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
  await queue.expectNothingButRecords();
});

test("what has been kept long enough is dropped, images and all, and its owner is told for a while", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 } });
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.attempts.start(given.id, given.lane);
  const partial = { index: 0, partialIndex: 0, key: "a/partial.png", mediaType: "image/png", width: 1, height: 1 };
  await queue.attempts.appendPartial(given.id, 1, partial);
  const [image] = delivery.images;
  if (image === undefined) throw new Error("A delivery has an image");
  await queue.attempts.checkpoint(given.id, 1, { ...delivery, images: [{ ...image, key: "a/first.png" }] });
  await queue.attempts.succeed(given.id, given.lane, 1, delivery, bill);
  const janitor = queue.janitor();
  await expect
    .poll(async () => {
      await janitor.look();
      return queue.store.read(given.id);
    })
    .toBeNull();
  expect(queue.droppedObjects).toEqual(["a/0.png", "a/first.png", "a/partial.png"]);
  expect(await queue.store.readTombstone(given.id)).toBe("acme");
  expect(await queue.redis.exists(queue.keys.index("acme"), queue.keys.retained, queue.keys.partials(given.id))).toBe(
    0,
  );
});

test("a generation that is retried at the end of its retention lives on", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 1 } });
  const given = queue.submission();
  await queue.store.submit(given);
  await queue.store.cancel(given.id, given.lane);
  await queue.store.retry(given.id, given.lane, given.tenant, free);
  await queue.janitor().look();
  expect(await queue.store.read(given.id)).toMatchObject({ status: "queued" });
});

test("a job that an older attempt still holds is looked at again, and not forgotten", async () => {
  const queue = await openQueue();
  const begun = Promise.withResolvers<void>();
  const worker = queue.worker(async ({ record, signal }) => {
    if (record.attempts > 1) return done();
    begun.resolve();
    await once(signal, "abort");
    throw new Error("aborted");
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  await queue.store.cancel(given.id, given.lane);
  await queue.store.retry(given.id, given.lane, given.tenant, free);
  const janitor = queue.janitor();
  await janitor.look();
  expect(await queue.redis.zcard(queue.keys.unlaned)).toBe(1);
  worker.cancel(given.id);
  await expect
    .poll(async () => {
      await janitor.look();
      return queue.store.read(given.id);
    })
    .toMatchObject({ status: "succeeded", attempts: 2 });
});
