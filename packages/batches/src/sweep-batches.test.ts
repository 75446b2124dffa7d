import { expect, test } from "vitest";
import { batchObjects } from "./records/batch-objects.ts";
import { ObjectsLeftError, type ObjectStore, StorageError } from "@darkroom/storage";
import { memoryStore } from "./batch-parts.fixture.ts";
import { imageKey, openBatches, succeeded } from "./finished-batch.fixture.ts";
import { aBatch } from "./records/a-batch.fixture.ts";

const never = new AbortController().signal;
const stored = { contentType: "text/plain" };
const image = { index: 0, bytes: 3, mediaType: "image/png", width: 2, height: 1 };

/** A memory store that knows what is in it. */
function listedStore() {
  const store = memoryStore();
  const present = new Set<string>();
  const objects: ObjectStore = {
    ...store,
    put: async (key, body, options) => {
      await store.put(key, body, options);
      present.add(key);
    },
    delete: async (keys) => {
      await store.delete(keys);
      for (const key of keys) present.delete(key);
    },
  };
  return { objects, present };
}

/** What an attempt before the last noted, and another replaced. */
const replaced = { provider: "sandbox", images: [{ ...image, key: "acme/images/1/first.png" }] };

async function openOutlived(outputSeconds: number) {
  const { objects, present } = listedStore();
  const opened = openBatches(objects);
  const { finished, finalize, files } = opened;
  const id = await finished({
    total: 7,
    segments: [[succeeded(0), succeeded(1, { superseded: [replaced] })], [succeeded(2)]],
    fed: 3,
    outcome: "expired",
    outputSeconds,
  });
  const keys = batchObjects("acme", id);
  for (const index of [0, 1, 2]) await objects.put(imageKey(index), Buffer.from("png"), stored);
  for (const { key } of replaced.images) await objects.put(key, Buffer.from("png"), stored);
  // Written just before a crash, and counted nowhere.
  await objects.put(keys.results(2), Buffer.from(`${JSON.stringify(succeeded(3))}\n`), stored);
  await objects.put(imageKey(3), Buffer.from("png"), stored);
  await objects.put(keys.lines(3), Buffer.from("{}\n"), stored);
  await finalize()(id, never);
  // The files have a sweep of their own.
  await files.sweep();
  return { ...opened, id, objects, present };
}

test("a batch whose output is over leaves nothing behind, in the store or in Redis", async () => {
  const { batches, sweep, present, keysLeft, id } = await openOutlived(0);
  expect(present.size).toBeGreaterThan(8);
  await sweep()(never);
  expect([...present]).toEqual([]);
  expect(await batches.read(id)).toBeNull();
  // That its key made a batch counts for an hour, and its place in lists is known for a while.
  const kept = [":batch-creations:", ":former-place:"];
  const left = (await keysLeft()).filter((key) => key.includes("batch") && !kept.some((part) => key.includes(part)));
  expect(left).toEqual([]);
});

test("a batch whose record only another release can read stays, and those behind it are removed", async () => {
  const { batches, sweep, present, id, redis, keys, quarantine } = await openOutlived(0);
  const unreadable = aBatch();
  await batches.create(unreadable);
  await batches.fail(unreadable.id, []);
  await redis.hset(keys.batch(unreadable.id), "outcome", "of tomorrow");
  await redis.zadd(keys.endedBatches, 0, unreadable.id);
  await sweep()(never);
  expect([...present]).toEqual([]);
  expect(await batches.read(id)).toBeNull();
  expect(await redis.exists(keys.batch(unreadable.id))).toBe(1);
  const [entry] = await quarantine.list({ limit: 10 });
  expect(entry).toMatchObject({ kind: "batch-removal", subject: unreadable.id, droppable: true });
  expect(await quarantine.drop(entry?.id ?? "")).toBe("dropped");
  expect(await redis.exists(keys.batch(unreadable.id), keys.endedBatches)).toBe(0);
});

test("a batch whose output is still kept is left alone", async () => {
  const { batches, sweep, present, id } = await openOutlived(3_600);
  const before = [...present];
  await sweep()(never);
  expect([...present]).toEqual(before);
  expect(await batches.read(id)).not.toBeNull();
});

test("a sweep that is killed at any moment is finished by the next", async () => {
  for (let calls = 1; ; calls++) {
    const { batches, sweep, objects, present, id, redis, keys } = await openOutlived(0);
    let left = calls;
    const count = () => {
      if (--left <= 0) throw new Error("killed");
    };
    const mortal = {
      get: async (key: string) => (count(), objects.get(key)),
      head: async (key: string) => (count(), objects.head(key)),
      delete: async (all: readonly string[]) => (count(), objects.delete(all)),
    };
    await sweep({ objects: mortal })(never);
    const wasKilled = left <= 0;
    expect((await batches.read(id)) !== null).toBe(wasKilled);
    // A process that is killed leaves it where it was.
    await redis.zadd(keys.endedBatches, "XX", 0, id);
    await sweep()(never);
    expect([...present], `killed at call ${calls}`).toEqual([]);
    expect(await batches.read(id)).toBeNull();
    if (!wasKilled) break;
  }
});

test("images go in pages of at most a thousand, one segment after the other", async () => {
  const { objects } = listedStore();
  const { finished, finalize, sweep } = openBatches(objects);
  const many = Array.from({ length: 10 }, (_, index) => ({ ...succeeded(0).delivery?.images[0], index }));
  const lines = Array.from({ length: 250 }, (_, index) =>
    JSON.stringify({ ...succeeded(index), delivery: { provider: "sandbox", images: many } }),
  );
  const id = await finished({ total: 250, perChunk: 250, segments: [lines], outputSeconds: 0 });
  await finalize()(id, never);
  const sizes: number[] = [];
  const counted = {
    ...objects,
    delete: async (keys: readonly string[]) => {
      sizes.push(keys.length);
      await objects.delete(keys);
    },
  };
  await sweep({ objects: counted })(never);
  expect(sizes).toEqual([1_000, 1_000, 500, 1, 1, 1]);
});

test("a batch that failed leaves nothing behind either", async () => {
  const { objects, present } = listedStore();
  const { batches, redis, keys, sweep } = openBatches(objects);
  const asked = aBatch();
  await batches.create(asked);
  await objects.put(batchObjects(asked.tenant, asked.id).faults, Buffer.from("[]"), stored);
  await batches.fail(asked.id, [], { count: 21 });
  await redis.zadd(keys.endedBatches, 0, asked.id);
  await sweep()(never);
  expect([...present]).toEqual([]);
  expect(await batches.read(asked.id)).toBeNull();
});

test("a batch with an object that the store refuses is set aside, and those behind it are removed", async () => {
  const { batches, sweep, objects, present, id, redis, keys, quarantine } = await openOutlived(0);
  const refused = aBatch();
  await batches.create(refused);
  await batches.fail(refused.id, []);
  await redis.zadd(keys.endedBatches, 0, refused.id);
  const advice = "It may not be removed.";
  const refusing = {
    ...objects,
    delete: async (all: readonly string[]) => {
      const key = all.find((one) => one.includes(refused.id));
      if (key === undefined) return objects.delete(all);
      throw new ObjectsLeftError(
        new Map([[key, new StorageError({ operation: "delete", key, retryable: false, advice })]]),
      );
    },
  };
  await sweep({ objects: refusing })(never);
  expect([...present]).toEqual([]);
  expect(await batches.read(id)).toBeNull();
  expect(await quarantine.list({ limit: 10 })).toMatchObject([{ kind: "batch-removal", subject: refused.id }]);
});

test("images stay where a rule of the bucket removes them, and nothing else does", async () => {
  const { sweep, present } = await openOutlived(0);
  await sweep({ removeImages: false })(never);
  expect([...present].toSorted()).toEqual([0, 1, 2, 3].map(imageKey).concat("acme/images/1/first.png").toSorted());
});
