import { ObjectsLeftError, StorageError } from "@darkroom/storage";
import { startRedis } from "@darkroom/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { bill, delivery, free, openQueue, type TestQueue } from "../queue.fixture.ts";

test("what has been kept long enough is dropped, images and all, and its owner is told for a while", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 } });
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  const partial = { index: 0, partialIndex: 0, key: "a/partial.png", mediaType: "image/png", width: 1, height: 1 };
  await queue.attempts.appendPartial(given.id, 1, partial);
  const [image] = delivery.images;
  if (image === undefined) throw new Error("A delivery has an image");
  await queue.attempts.checkpoint(given.id, 1, { ...delivery, images: [{ ...image, key: "a/first.png" }] });
  await queue.attempts.succeed(given.id, given.lane, 1, delivery, bill);
  const removal = queue.removal();
  await expect
    .poll(async () => {
      await removal.tick();
      return queue.generations.read(given.id);
    })
    .toBeNull();
  expect(queue.droppedObjects).toEqual(["a/0.png", "a/first.png", "a/partial.png"]);
  expect(await queue.generations.readTombstone(given.id)).toBe("acme");
  expect(await queue.redis.exists(queue.keys.index("acme"), queue.keys.retained, queue.keys.partials(given.id))).toBe(
    0,
  );
});

test("tombstones of generations that were made together are one block of Redis, and each is found", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 } });
  const { redis, keys, generations } = queue;
  const ids = Array.from({ length: 40 }, (_, index) => `gen_01kb9${String(index).padStart(18, "0")}xyz`);
  const [absent = "", ...made] = ids;
  for (const [index, id] of made.entries()) {
    const given = queue.submission({ id, tenant: `tenant-${index}` });
    await generations.submit(given);
    await generations.cancel(id, given.lane);
  }
  const removal = queue.removal();
  await expect
    .poll(async () => {
      await removal.tick();
      return redis.zcard(keys.retained);
    })
    .toBe(0);
  for (const [index, id] of made.entries()) expect(await generations.readTombstone(id)).toBe(`tenant-${index}`);
  expect(await generations.readTombstone(absent)).toBeNull();
  const name = keys.tombstones(absent);
  expect(await redis.keys(`${keys.root}tombstones:*`)).toEqual([name]);
  expect(await redis.object("ENCODING", name)).toBe("listpack");
  expect(await redis.memory("USAGE", name)).toBeLessThan(50 * made.length);
  expect(await redis.pttl(name)).toBeGreaterThan(50_000);
});

test("a tombstone that a release before has left is found", async () => {
  const { redis, keys, generations, submission } = await openQueue();
  const { id } = submission();
  await redis.set(keys.formerTombstone(id), "acme");
  expect(await generations.readTombstone(id)).toBe("acme");
});

test("a generation that is retried at the end of its retention lives on", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 1 } });
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.generations.cancel(given.id, given.lane);
  await queue.generations.retry(given.id, given.lane, given.tenant, free);
  await queue.removal().tick();
  expect(await queue.generations.read(given.id)).toMatchObject({ status: "queued" });
});

test.each(["queued", "running"])(
  "a %s generation that a list says is outlived is kept, and leaves that list",
  async (status) => {
    const queue = await openQueue();
    const { generations, attempts, keys, redis, submission } = queue;
    const { id, lane } = submission();
    await generations.submit(submission({ id }));
    if (status === "running") await attempts.start(id, lane);
    await redis.zadd(keys.retained, 1, id);
    await queue.removal().tick();
    expect(await generations.read(id)).toMatchObject({ status });
    expect(await redis.zcard(keys.retained)).toBe(0);
  },
);

/** Two failed generations whose retention is over: the removal comes to both in one page. */
async function openOutlived() {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 } });
  const [first, second] = [queue.submission(), queue.submission()];
  for (const { id, lane } of [first, second]) {
    await queue.generations.submit(queue.submission({ id }));
    await queue.attempts.start(id, lane);
    await queue.attempts.checkpoint(id, 1, delivery, []);
    await queue.attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
  }
  await expect.poll(() => queue.redis.zcount(queue.keys.retained, "-inf", Date.now() - 10)).toBe(2);
  return { queue, first, second };
}

test("a generation that was retried and has succeeded since it was found to be due keeps its record and its images", async () => {
  const { queue, first, second } = await openOutlived();
  const { generations, attempts, redis, keys } = queue;
  const dropped: string[] = [];
  await redis.hset(keys.record(first.id), "delivery", JSON.stringify({ ...delivery, images: [] }));
  // The store takes its time over the first.
  const dropObjects = async (objects: string[]) => {
    dropped.push(...objects);
    if ((await generations.read(second.id))?.status !== "failed") return;
    await generations.retry(second.id, second.lane, second.tenant, free);
    await attempts.start(second.id, second.lane);
    await attempts.succeed(second.id, second.lane, 2, delivery, bill);
    await redis.zadd(keys.retained, "XX", Date.now() + 60_000, second.id);
  };
  // A page of one each.
  await redis.zadd(keys.retained, 1, first.id, 2, second.id);
  await queue.removal({ dropObjects, pageSize: 1 }).tick();
  expect(await generations.read(first.id)).toBeNull();
  expect(await generations.read(second.id)).toMatchObject({ status: "succeeded", delivery });
  expect(dropped).toEqual([]);
});

test("a generation whose images are being removed cannot be retried any more", async () => {
  const { queue, first, second } = await openOutlived();
  const retried: unknown[] = [];
  const dropObjects = async () => {
    for (const { id, lane, tenant } of [first, second])
      retried.push((await queue.generations.retry(id, lane, tenant, free)).kind);
  };
  await queue.redis.zrem(queue.keys.retained, second.id);
  await queue.removal({ dropObjects }).tick();
  expect(retried).toEqual(["gone", "accepted"]);
  expect(await queue.generations.readTombstone(first.id)).toBe("acme");
});

test("images that could not be removed are removed later, though their record is out of reach by then", async () => {
  const { queue, first, second } = await openOutlived();
  const { redis, keys, generations } = queue;
  const isAway = { dropObjects: () => Promise.reject(new Error("The store is away")) };
  await expect(queue.removal(isAway).tick()).rejects.toThrow("The store is away");
  expect(await generations.read(first.id)).toBeNull();
  expect(await redis.zcard(keys.retained)).toBe(2);
  // A minute later.
  await redis.zadd(keys.retained, "XX", 1, first.id, 1, second.id);
  await queue.removal().tick();
  expect(queue.droppedObjects).toEqual(["a/0.png", "a/0.png"]);
  expect(await redis.exists(keys.retained, keys.forgotten(first.id), keys.forgotten(second.id))).toBe(0);
});

test("one record that cannot be read does not keep the removal from the others", async () => {
  const { queue, first, second } = await openOutlived();
  const { redis, keys, generations } = queue;
  await redis.zadd(keys.retained, 1, first.id, 2, second.id);
  await redis.hset(keys.record(first.id), "delivery", "{");
  await queue.removal({ pageSize: 1 }).tick();
  expect(await generations.read(second.id)).toBeNull();
  expect(queue.droppedObjects).toEqual(["a/0.png"]);
  // What cannot be read is kept, for a release that can.
  expect(await redis.hget(keys.forgotten(first.id), "delivery")).toBe("{");
});

const [image] = delivery.images;

/** Generations whose retention is over, each with one image of its own. The first of them is the first of the list. */
async function openMany(count: number, { url }: { url?: string } = {}) {
  const queue = await openQueue({
    retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 },
    ...(url !== undefined && { url }),
  });
  const { redis, keys, generations, attempts } = queue;
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const { id, lane } = queue.submission();
    await generations.submit(queue.submission({ id }));
    await attempts.start(id, lane);
    const images = image === undefined ? [] : [{ ...image, key: objectOf(id) }];
    await attempts.succeed(id, lane, 1, { ...delivery, images }, bill);
    await redis.zadd(keys.retained, i + 1, id);
    ids.push(id);
  }
  return { queue, ids };
}

const objectOf = (id: string) => `_images/${id}/1-0.png`;

/** A store that keeps some objects. */
const keeping = (refused: string[], retryable: boolean) => async (objects: string[]) => {
  const advice = "It may not be removed.";
  const left = objects
    .filter((key) => refused.includes(key))
    .map((key) => [key, new StorageError({ operation: "delete", key, retryable, advice })] as const);
  if (left.length > 0) throw new ObjectsLeftError(new Map(left));
};

const leftIn = ({ redis, keys }: TestQueue) => redis.zrange(keys.retained, "0", "-1");
const aside = ({ quarantine }: TestQueue) => quarantine.list({ limit: 10 });

describe("a page", () => {
  test("is removed with one call to the store, and two workers share the pages", async () => {
    const { queue, ids } = await openMany(250);
    const calls: string[][] = [];
    const dropObjects = async (objects: string[]) => void calls.push(objects);
    await Promise.all([queue.removal({ dropObjects }).tick(), queue.removal({ dropObjects }).tick()]);
    expect(calls.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual([50, 100, 100]);
    expect(calls.flat().toSorted()).toEqual(ids.map(objectOf).toSorted());
    expect(await queue.redis.exists(queue.keys.retained, ...ids.map(queue.keys.forgotten))).toBe(0);
  });

  test("that is claimed belongs to its worker, until that may have died", async () => {
    const { queue, ids } = await openMany(2);
    const dropObjects = async () => {
      await queue.removal().tick();
      expect(queue.droppedObjects).toEqual([]);
      throw new Error("The worker dies here.");
    };
    await expect(queue.removal({ dropObjects }).tick()).rejects.toThrow("dies");
    for (const id of ids) await queue.redis.zincrby(queue.keys.retained, -60_000, id);
    await queue.removal().tick();
    expect(queue.droppedObjects.toSorted()).toEqual(ids.map(objectOf).toSorted());
    expect(await leftIn(queue)).toEqual([]);
  });

  test("of generations without objects costs the store nothing", async () => {
    const { queue, ids } = await openMany(2);
    for (const id of ids) await queue.redis.hdel(queue.keys.record(id), "delivery");
    await queue.removal({ dropObjects: () => Promise.reject(new Error("The store is away")) }).tick();
    expect(await leftIn(queue)).toEqual([]);
  });

  test("drops what has no objects although the store is away from the others", async () => {
    const { queue, ids } = await openMany(4);
    const [first = "", second = "", ...others] = ids;
    for (const id of [first, second]) await queue.redis.hdel(queue.keys.record(id), "delivery");
    const isAway = { dropObjects: () => Promise.reject(new Error("The store is away")) };
    await expect(queue.removal(isAway).tick()).rejects.toThrow("The store is away");
    expect(await leftIn(queue)).toEqual(others);
  });

  test("is left for later, and not set aside, where Redis breaks off while the records are read", async () => {
    const { queue, ids } = await openMany(2);
    const { redis } = queue;
    const refused = new Error("LOADING Redis is loading the dataset in memory");
    vi.spyOn(redis, "pipeline").mockImplementationOnce(() => {
      const pipeline = redis.pipeline();
      vi.spyOn(pipeline, "exec").mockResolvedValue([...ids, ...ids].map(() => [refused, null]));
      return pipeline;
    });
    await expect(queue.removal({ redis }).tick()).rejects.toThrow("LOADING");
    expect(await aside(queue)).toEqual([]);
    expect(await leftIn(queue)).toEqual(ids);
  });

  test("drops the records alone where a rule of the bucket removes the objects", async () => {
    const { queue, ids } = await openMany(3);
    await queue.removal({ dropObjects: null }).tick();
    expect(await queue.redis.exists(queue.keys.retained, ...ids.map(queue.keys.forgotten))).toBe(0);
    expect(await queue.generations.readTombstone(ids[0] ?? "")).toBe("acme");
  });

  test("is removed from a Redis at its memory limit", async () => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const { queue, ids } = await openMany(3, { url: server.url });
    // One that is on the list alone comes first.
    await queue.redis.zadd(queue.keys.retained, 0, "gen_gone");
    await queue.redis.config("SET", "maxmemory", 1);
    await queue
      .removal()
      .tick()
      .finally(() => queue.redis.config("SET", "maxmemory", 0));
    expect(queue.droppedObjects).toEqual(ids.map(objectOf));
    expect(await leftIn(queue)).toEqual([]);
  });
});

describe("an object that the store keeps", () => {
  test("for the moment costs its generation a minute, and the others nothing", async () => {
    const { queue, ids } = await openMany(3);
    const [first = ""] = ids;
    await queue.removal({ dropObjects: keeping([objectOf(first)], true) }).tick();
    expect(await leftIn(queue)).toEqual([first]);
    expect(await aside(queue)).toEqual([]);
    await queue.redis.zincrby(queue.keys.retained, -60_000, first);
    await queue.removal().tick();
    expect(queue.droppedObjects).toEqual([objectOf(first)]);
  });

  test("for good puts its generation into quarantine, and the others go", async () => {
    const { queue, ids } = await openMany(3);
    const [first = ""] = ids;
    await queue.removal({ dropObjects: keeping([objectOf(first)], false), pageSize: 1 }).tick();
    expect(await leftIn(queue)).toEqual([first]);
    const [entry] = await aside(queue);
    expect(entry).toMatchObject({
      kind: "removal",
      subject: first,
      reason: expect.stringContaining("may not be removed"),
    });
    expect(await queue.quarantine.drop(entry?.id ?? "")).toBe("dropped");
    expect(await leftIn(queue)).toEqual([]);
    expect(await queue.redis.exists(queue.keys.forgotten(first))).toBe(0);
  });

  test("with all others says that the store is away or wrongly set, and nothing is set aside", async () => {
    const { queue, ids } = await openMany(3);
    const dropObjects = keeping(ids.map(objectOf), false);
    await expect(queue.removal({ dropObjects }).tick()).rejects.toThrow(ObjectsLeftError);
    expect(await aside(queue)).toEqual([]);
    expect(await leftIn(queue)).toEqual(ids);
  });

  test("at the head of the list for pages on end does not keep the others for longer than a round for each page", async () => {
    const { queue, ids } = await openMany(9);
    const refused = ids.slice(0, 6);
    const dropObjects = keeping(refused.map(objectOf), false);
    const removal = queue.removal({ dropObjects, pageSize: 3 });
    for (let pages = 0; pages < 2; pages++) await expect(removal.tick()).rejects.toThrow(ObjectsLeftError);
    await removal.tick();
    expect(await leftIn(queue)).toEqual(expect.arrayContaining(refused));
    expect(await queue.redis.zcard(queue.keys.retained)).toBe(6);
  });
});

describe("a record that cannot be read", () => {
  const damages: Record<string, (queue: TestQueue, id: string) => Promise<unknown>> = {
    "a delivery that is no JSON": ({ redis, keys }, id) => redis.hset(keys.record(id), "delivery", "{"),
    "a value of another type": async ({ redis, keys }, id) => {
      await redis.del(keys.record(id));
      return redis.set(keys.record(id), "x");
    },
    "an index of another type": ({ redis, keys }, id) =>
      redis.multi().hset(keys.record(id), "tenant", "odd").set(keys.index("odd"), "x").exec(),
    "partial images of another type": ({ redis, keys }, id) => redis.set(keys.partials(id), "x"),
  };

  test.each(Object.entries(damages))(
    "for %s is set aside at the head of the list, and the rest goes",
    async (_, damage) => {
      const { queue, ids } = await openMany(3);
      const [first = "", ...others] = ids;
      await damage(queue, first);
      await queue.removal({ pageSize: 1 }).tick();
      expect(queue.droppedObjects).toEqual(others.map(objectOf));
      expect(await leftIn(queue)).toEqual([first]);
      expect(await aside(queue)).toMatchObject([{ kind: "removal", subject: first, droppable: true }]);
    },
  );

  test("is removed with its images when a release comes that can read it", async () => {
    const { queue, ids } = await openMany(1);
    const { redis, keys, quarantine } = queue;
    const [id = ""] = ids;
    const readable = (await redis.hget(keys.record(id), "delivery")) ?? "";
    await redis.hset(keys.record(id), "delivery", "{");
    await queue.removal().tick();
    await redis.hset(keys.forgotten(id), "delivery", readable);
    await queue.removal().tick();
    expect(queue.droppedObjects).toEqual([]);
    const [entry] = await aside(queue);
    await quarantine.retry(entry?.id ?? "");
    await queue.removal().tick();
    expect(queue.droppedObjects).toEqual([objectOf(id)]);
    expect(await redis.exists(keys.retained, keys.forgotten(id), keys.quarantine)).toBe(0);
  });

  test("of a newer release is removed, whatever it has more", async () => {
    const { queue, ids } = await openMany(1);
    const [id = ""] = ids;
    const { redis, keys } = queue;
    const noted = (await redis.hget(keys.record(id), "delivery")) ?? "";
    await redis.hset(keys.record(id), {
      status: "succeeded_of_tomorrow",
      delivery: noted.replace("{", '{"of_tomorrow":1,'),
      field_of_tomorrow: "1",
    });
    await queue.removal().tick();
    expect(queue.droppedObjects).toEqual([objectOf(id)]);
  });
});
