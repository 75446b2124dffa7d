import { randomBytes } from "node:crypto";
import { monitorRedis, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { encodeFormerPlace, readFormerScore } from "./former-place.ts";
import { type Page, type PageOptions, readPage } from "./read-page.ts";
import { connectWorker, untilConnected } from "./redis-connections.ts";

type Item = { id: string };

/** An index with an entry for each letter, at the given scores. */
async function openIndex(scores: Readonly<Record<string, number>>) {
  const redis = connectWorker(testRedisUrl(), () => {});
  await untilConnected(redis, 5_000);
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const recordKey = (id: string) => `${prefix}:item:${id}`;
  const index = `${prefix}:index`;
  onTestFinished(async () => {
    await redis.del(...(await redis.keys(`${prefix}:*`)), "none");
    redis.disconnect();
  });

  const add = async (id: string, score: number) => {
    await redis.hset(recordKey(id), { id });
    await redis.zadd(index, score, id);
  };
  const remove = async (id: string) => {
    const score = (await redis.zscore(index, id)) ?? "";
    await redis.set(`${prefix}:former:${id}`, encodeFormerPlace("acme", score));
    await redis.del(recordKey(id));
    await redis.zrem(index, id);
  };
  for (const [id, score] of Object.entries(scores)) await add(id, score);

  const options: PageOptions<Item> = {
    redis,
    index,
    towards: "oldest",
    formerScore: async (id) => readFormerScore(redis, `${prefix}:former:${id}`, "acme"),
    limit: 100,
    recordKey,
    decode: ({ id }) => (id === undefined ? null : { id }),
  };
  /** How often which fields of a hash were asked for meanwhile. */
  const readFields = async <T>(call: () => Promise<T>) => {
    const fields: Record<string, number> = {};
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const monitor = await monitorRedis(testRedisUrl(), ({ words: [command, key = "", ...names] }) => {
      if (command === "ping" && key === prefix) resolve();
      if ((command !== "hmget" && command !== "HGET") || !key.startsWith(prefix)) return;
      fields[names.join(" ")] = (fields[names.join(" ")] ?? 0) + 1;
    });
    const answer = await call();
    await redis.ping(prefix);
    await over;
    monitor.close();
    return { answer, fields };
  };

  return {
    add,
    remove,
    /** Puts something else in the place of a record. */
    damage: async (id: string) => redis.set(recordKey(id), "no hash"),
    put: async (id: string, fields: Record<string, string>) => redis.hset(recordKey(id), fields),
    readFields,
    page: async (more: Partial<PageOptions<Item>> = {}) => readPage({ ...options, ...more }),
    /** All pages, one after the other. */
    walk: async (
      more: Partial<PageOptions<Item>> = {},
      between: (cursor: string) => Promise<void> = async () => {},
    ) => {
      const seen: string[] = [];
      for (let from = more.from; ;) {
        const page = await readPage({ ...options, ...more, from });
        if (page === null) throw new Error("The walk cannot go on");
        seen.push(...idsOf(page));
        if (!page.hasMore || page.cursor === null) return seen.join("");
        from = page.cursor;
        await between(from);
      }
    },
  };
}

const idsOf = ({ records }: Page<Item>) => records.map(({ id }) => id);

const inOrder = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 };

test("a walk sees everything once, in both directions, whatever the size of its pages", async () => {
  const { walk } = await openIndex(inOrder);
  for (const limit of [1, 2, 3, 6, 7, 8]) {
    expect(await walk({ limit })).toBe("gfedcba");
    expect(await walk({ limit, towards: "newest" })).toBe("abcdefg");
  }
  expect(await walk({ limit: 2, from: "d" })).toBe("cba");
  expect(await walk({ limit: 2, from: "d", towards: "newest" })).toBe("efg");
});

test("entries of one time are walked through in the order of their ids, though they are more than a read brings", async () => {
  const { walk } = await openIndex({ a: 1, b: 2, c: 2, d: 2, e: 2, f: 2, g: 3 });
  for (const limit of [1, 2, 3]) {
    expect(await walk({ limit, readAtOnce: 1 })).toBe("gfedcba");
    expect(await walk({ limit, readAtOnce: 1, towards: "newest" })).toBe("abcdefg");
  }
});

test("entries that come between two pages are neither repeated nor do they hide others", async () => {
  const { walk, add } = await openIndex(inOrder);
  let time = 100;
  const between = async () => add(`new${time}`, time++);
  expect(await walk({ limit: 2 }, between)).toBe("gfedcba");
});

test("entries that come while a page is read are neither repeated nor do they hide others", async () => {
  const { page, add } = await openIndex(inOrder);
  let time = 100;
  // On the connection that reads the page, so it is done before the next read.
  const isWanted = ({ id }: Item) => {
    void add(`new${time}`, time++);
    return id !== "f";
  };
  expect(idsOf((await page({ readAtOnce: 1, isWanted })) ?? never())).toEqual(["g", "e", "d", "c", "b", "a"]);
});

test.each([
  ["oldest", "gfedcba"],
  ["newest", "abcdefg"],
] as const)("entries that are removed behind a walk towards the %s hide no others", async (towards, all) => {
  const { walk, remove } = await openIndex(inOrder);
  expect(await walk({ limit: 2, towards }, remove)).toBe(all);
});

test("a walk goes on behind an entry that was removed since, among others of its time, too", async () => {
  const { page, remove } = await openIndex({ a: 1, b: 2, c: 2, d: 2, e: 3 });
  await remove("c");
  expect(idsOf((await page({ from: "c" })) ?? never())).toEqual(["b", "a"]);
  expect(idsOf((await page({ from: "c", towards: "newest" })) ?? never())).toEqual(["d", "e"]);
  expect(await page({ from: "z" })).toBeNull();
});

test("a page says whether there is more, and where to go on", async () => {
  const { page, remove } = await openIndex(inOrder);
  expect(await page({ limit: 3 })).toMatchObject({ cursor: "e", hasMore: true });
  expect(await page({ limit: 7 })).toMatchObject({ cursor: "a", hasMore: false });
  expect(await page({ limit: 3, from: "a" })).toEqual({
    records: [],
    cursor: null,
    hasMore: false,
    unreadable: [],
    bytes: 0,
  });
  await remove("g");
  expect(await page({ limit: 1 })).toMatchObject({ records: [{ id: "f" }] });
});

test("a page that passes over too many ends short, with more to come", async () => {
  const { page, walk } = await openIndex(inOrder);
  const isWanted = ({ id }: Item) => id === "a" || id === "g";
  expect(await page({ isWanted, maxPassedOver: 3 })).toMatchObject({
    records: [{ id: "g" }],
    cursor: "d",
    hasMore: true,
  });
  expect(await walk({ isWanted, maxPassedOver: 3 })).toBe("ga");
});

test("a record that cannot be read is left out and named, and the page is right otherwise", async () => {
  const { page } = await openIndex(inOrder);
  const decode = ({ id = "" }: Record<string, string>) => {
    if (id === "f") throw new Error("no such purpose");
    return { id };
  };
  const read = await page({ decode, limit: 3 });
  expect(read).toMatchObject({ records: [{ id: "g" }, { id: "e" }, { id: "d" }], cursor: "d", hasMore: true });
  expect(read?.unreadable).toEqual([{ id: "f", error: expect.objectContaining({ message: "no such purpose" }) }]);
});

test("a key that holds something else is named as unreadable, with a filter and without, and hides no other record", async () => {
  const { page, damage } = await openIndex({ a: 1, b: 2, c: 3 });
  await damage("b");
  for (const [more, ids] of [
    [{}, ["c", "a"]],
    [{ fields: ["id"] }, ["c", "a"]],
    [{ fields: ["id"], filter: { id: "c" } }, ["c"]],
  ] as const) {
    const found = await page(more);
    expect(found && idsOf(found)).toEqual(ids);
    expect(found?.unreadable.map(({ id }) => id)).toEqual(["b"]);
  }
});

test("a page between two scores has the entries at both, in both directions", async () => {
  const { walk } = await openIndex({ a: 1, b: 2, c: 3, d: 4 });
  const scores = { oldest: 2, newest: 3 };
  expect(await walk({ scores })).toBe("cb");
  expect(await walk({ scores, from: "c" })).toBe("b");
  expect(await walk({ scores, towards: "newest" })).toBe("bc");
  expect(await walk({ scores: { newest: 1 } })).toBe("a");
  expect(await walk({ scores: { oldest: 5 } })).toBe("");
});

test("a page ends early where another record would exceed its bytes, has one at least, and a walk misses none", async () => {
  const { page, walk } = await openIndex(inOrder);
  expect(idsOf((await page({ maxBytes: 3 })) ?? never())).toEqual(["g", "f", "e"]);
  expect(await page({ maxBytes: 3 })).toMatchObject({ cursor: "e", hasMore: true });
  expect(await page({ maxBytes: 0 })).toMatchObject({ records: [{ id: "g" }], cursor: "g", hasMore: true });
  expect(await page({ maxBytes: 7 })).toMatchObject({ cursor: "a", hasMore: false });
  for (const readAtOnce of [1, 2, 10]) {
    expect(await walk({ maxBytes: 2, readAtOnce })).toBe("gfedcba");
    expect(await walk({ maxBytes: 2, readAtOnce, towards: "newest" })).toBe("abcdefg");
  }
});

test("a filter compares its fields of all records, and the fields of the page are read of those that match", async () => {
  const { page, walk, put, readFields } = await openIndex(inOrder);
  for (const id of "abcdefg") await put(id, { status: id === "b" || id === "f" ? "failed" : "ok", prompt: "long" });
  const filter = { status: "failed" };
  const read = await readFields(() => page({ filter, fields: ["id", "status"] }));
  expect(read.answer).toMatchObject({ records: [{ id: "f" }, { id: "b" }], cursor: "a", hasMore: false });
  expect(read.fields).toEqual({ status: 7, "id status": 2 });
  for (const limit of [1, 2, 3]) expect(await walk({ filter, limit, readAtOnce: 1 })).toBe("fb");
  expect(idsOf((await page({ filter: { ...filter, id: "b" } })) ?? never())).toEqual(["b"]);
  expect(await page({ filter: { ...filter, prompt: "short" } })).toMatchObject({ records: [], hasMore: false });
  expect(await page({ filter, maxPassedOver: 3 })).toMatchObject({
    records: [{ id: "f" }],
    cursor: "d",
    hasMore: true,
  });
});

test("reading ends with its signal, and asks Redis for nothing more", async () => {
  const { page, readFields } = await openIndex(inOrder);
  const gone = new AbortController();
  const decode = ({ id = "" }: Record<string, string>) => {
    if (id === "f") gone.abort();
    return { id };
  };
  const read = await readFields(() =>
    page({ decode, fields: ["id"], readAtOnce: 1, signal: gone.signal }).catch((error: unknown) => error),
  );
  expect(read.answer).toMatchObject({ name: "AbortError" });
  expect(read.fields).toEqual({ id: 2 });
});

function never(): never {
  throw new Error("The cursor is unknown");
}
