import { createObjectStore, type ObjectStore, StorageError } from "@darkroom/storage";
import { describeWithS3, temporaryFolder, withinOneDay } from "@darkroom/testing";
import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { links, memoryStore, newEntries, newEntry, openLedger, pastDay } from "./ledger.fixture.ts";
import { segmentKey } from "./ledger-segments.ts";

withinOneDay();

const idsOf = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);
const linesOf = (entries: readonly object[]) => entries.map((entry) => JSON.stringify(entry));

describe("a day that is over", () => {
  test("goes to the store whole, in segments named by where they begin, and leaves Redis", async () => {
    const { ledger, end, segments, redis, keys, objects } = await openLedger({ segmentEntries: 3 });
    const entries = await end(pastDay, ...newEntries(7));
    expect(await ledger.exportDue()).toEqual({ entries: 7, segments: 3 });
    expect(await segments()).toEqual([0, 3, 6].map((start) => linesOf(entries.slice(start, start + 3))));
    expect(await objects.head(`_ledger/${pastDay}/0000000003.jsonl`)).toMatchObject({
      contentType: "application/jsonl",
    });
    expect(await redis.exists(keys.entries(pastDay), keys.days)).toBe(0);
    expect(await redis.hgetall(keys.export(pastDay))).toEqual({ offset: "7" });
    const daysLeft = (await redis.ttl(keys.export(pastDay))) / 86_400;
    expect(Math.round(daysLeft)).toBe(400);
  });

  test("is exported once, however often", async () => {
    const { ledger, end, ids, segments } = await openLedger();
    const entries = await end(pastDay, ...newEntries(5));
    expect(await ledger.exportDue()).toEqual({ entries: 5, segments: 1 });
    expect(await ledger.exportDue()).toEqual({ entries: 0, segments: 0 });
    expect(await ledger.exportDay(pastDay)).toEqual({ entries: 0, segments: 0 });
    expect(await segments()).toHaveLength(1);
    expect(await ids()).toEqual(idsOf(entries));
  });

  test("is closed, too, when all of it was exported while it went on", async () => {
    const { ledger, end, redis, keys } = await openLedger();
    await end(pastDay, newEntry());
    await redis.hset(keys.export(pastDay), "offset", 4);
    await redis.del(keys.entries(pastDay));
    await ledger.exportDue();
    expect(await redis.exists(keys.days)).toBe(0);
    expect(await redis.ttl(keys.export(pastDay))).toBeGreaterThan(0);
  });
});

describe("today", () => {
  test("waits for a whole segment, and what is over it waits for the next", async () => {
    const { ledger, end, ids, segments } = await openLedger({ segmentEntries: 3 });
    const today = await ledger.today();
    const entries = await end(today, ...newEntries(2));
    expect(await ledger.exportDue()).toEqual({ entries: 0, segments: 0 });
    entries.push(...(await end(today, ...newEntries(2))));
    expect(await ledger.exportDue()).toEqual({ entries: 3, segments: 1 });
    expect(await segments(today)).toEqual([linesOf(entries.slice(0, 3))]);
    expect(await ids(today)).toEqual(idsOf(entries));
  });

  test("does not wait when an entry has become old", async () => {
    const { ledger, end, redis, keys } = await openLedger({ maxAgeMs: 60_000 });
    const today = await ledger.today();
    await end(today, newEntry({ ended_at_ms: Date.now() - 50_000 }));
    expect(await ledger.exportDue()).toEqual({ entries: 0, segments: 0 });
    const other = await openLedger({ maxAgeMs: 60_000 });
    await other.end(today, newEntry({ ended_at_ms: Date.now() - 70_000 }), newEntry());
    expect(await other.ledger.exportDue()).toEqual({ entries: 2, segments: 1 });
    expect(await redis.sismember(keys.days, today)).toBe(1);
    expect(await other.redis.ttl(other.keys.export(today))).toBe(-1);
  });

  test("is exported as far as it is when asked for", async () => {
    const { ledger, end, ids } = await openLedger({ segmentEntries: 2 });
    const today = await ledger.today();
    const entries = await end(today, ...newEntries(3));
    expect(await ledger.exportDay(today)).toEqual({ entries: 3, segments: 2 });
    entries.push(...(await end(today, newEntry())));
    expect(await ids(today)).toEqual(idsOf(entries));
  });
});

describe("several exports at once", () => {
  test("move every entry once", async () => {
    const { beside, end, segments, ids } = await openLedger({ segmentEntries: 7 });
    const entries = await end(pastDay, ...newEntries(200));
    const exported = await Promise.all(Array.from({ length: 5 }, () => beside().exportDue()));
    expect(exported.reduce((sum, one) => sum + one.entries, 0)).toBe(200);
    expect((await segments()).flat()).toEqual(linesOf(entries));
    expect(await ids()).toEqual(idsOf(entries));
  });

  test("one that was held up while writing changes nothing that others have written since", async () => {
    const { beside, ledger, end, segments, objects } = await openLedger({ segmentEntries: 2 });
    const entries = await end(pastDay, ...newEntries(5));
    const [writing, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = beside({
      objects: {
        ...objects,
        put: async (...write) => {
          writing.resolve();
          await goOn.promise;
          await objects.put(...write);
        },
      },
    }).exportDay(pastDay);
    await writing.promise;
    await ledger.exportDue();
    goOn.resolve();
    expect(await slow).toEqual({ entries: 0, segments: 0 });
    expect((await segments()).flat()).toEqual(linesOf(entries));
  });
});

describe("an export that died", () => {
  const dying = (objects: ObjectStore, when: "before" | "after") => ({
    ...objects,
    put: async (...write: Parameters<ObjectStore["put"]>) => {
      if (when === "after") await objects.put(...write);
      throw new Error("killed");
    },
  });

  test.each(["before", "after"] as const)("%s its put: the next writes the same segment and goes on", async (when) => {
    const { beside, ledger, end, segments, objects, ids } = await openLedger({ segmentEntries: 3 });
    const today = await ledger.today();
    const entries = await end(today, ...newEntries(2));
    await expect(beside({ objects: dying(objects, when) }).exportDay(today)).rejects.toThrow("killed");
    entries.push(...(await end(today, ...newEntries(2))));
    expect(await ids(today)).toEqual(idsOf(entries));
    // Due, though the two that were claimed are neither old nor a whole segment.
    expect(await ledger.exportDue()).toEqual({ entries: 2, segments: 1 });
    expect(await ledger.exportDay(today)).toEqual({ entries: 2, segments: 1 });
    expect(await segments(today)).toEqual([linesOf(entries.slice(0, 2)), linesOf(entries.slice(2))]);
    expect(await ids(today)).toEqual(idsOf(entries));
  });
});

describe("a Redis that lost its data", () => {
  test("goes on behind what is in the store", async () => {
    const { ledger, end, ids, segments, loseRedis, warnings } = await openLedger({ segmentEntries: 2 });
    const before = await end(pastDay, ...newEntries(3));
    await ledger.exportDay(pastDay);
    await loseRedis();
    const after = await end(pastDay, ...newEntries(3));
    expect(await ids()).toEqual(idsOf([...before, ...after]));
    expect(await ledger.exportDue()).toEqual({ entries: 3, segments: 2 });
    expect((await segments()).map((lines) => lines.length)).toEqual([2, 1, 2, 1]);
    expect(await ids()).toEqual(idsOf([...before, ...after]));
    expect(warnings).toEqual([]);
  });

  test("and came back with an old state: no segment is written over, and each entry counts once", async () => {
    const { ledger, end, ids, segments, snapshotRedis, warnings } = await openLedger({ segmentEntries: 4 });
    const early = await end(pastDay, newEntry());
    await ledger.exportDay(pastDay);
    early.push(...(await end(pastDay, ...newEntries(3))));
    const restore = await snapshotRedis();
    const lost = await end(pastDay, ...newEntries(3));
    await ledger.exportDue();
    const written = await segments();
    await restore();
    const late = await end(pastDay, ...newEntries(2));
    expect((await ids()).toSorted()).toEqual(idsOf([...early, ...lost, ...late]).toSorted());
    await ledger.exportDue();
    expect((await segments()).slice(0, 3)).toEqual(written);
    expect(await ids()).toEqual(idsOf([...early, ...lost, ...late]));
    expect(warnings).toHaveLength(1);
  });
});

test("a claim whose entries are gone is given up", async () => {
  const { ledger, redis, keys, end, segments } = await openLedger();
  const today = await ledger.today();
  await end(today, newEntry());
  await redis.hset(keys.export(today), { offset: 0, claimed: 1 });
  await redis.del(keys.entries(today));
  expect(await ledger.exportDue()).toEqual({ entries: 0, segments: 0 });
  expect(await segments(today)).toEqual([]);
});

test("a day whose segments in the store are broken holds up no other day, and is told", async () => {
  const { ledger, end, ids, redis, keys, objects, quarantine } = await openLedger();
  const [broken, whole] = ["2026-01-30", pastDay];
  await end(broken, newEntry());
  const [later] = await end(whole, newEntry());
  await objects.put(segmentKey(broken, 0), Buffer.from("half a line"), { contentType: "application/jsonl" });
  expect(await ledger.exportDue()).toEqual({ entries: 1, segments: 1 });
  const aside = { kind: "ledger", subject: broken, reason: expect.stringContaining("whole line"), droppable: false };
  expect(await quarantine.list({ limit: 10 })).toMatchObject([aside]);
  expect(await redis.llen(keys.entries(broken))).toBe(1);
  expect(await redis.exists(keys.entries(whole))).toBe(0);
  expect(await ids(whole)).toEqual([later?.id]);
});

describe("a day whose segment the store refuses", () => {
  const refused = "2026-01-30";
  const refusing = (objects: ObjectStore, retryable: boolean) => ({
    ...objects,
    put: async (...write: Parameters<ObjectStore["put"]>) => {
      const [key] = write;
      if (!key.includes(refused)) return objects.put(...write);
      throw new StorageError({ operation: "put", key, retryable, advice: "It may not be written." });
    },
  });

  test("for good holds up no other day, and is exported once the store takes it", async () => {
    const { ledger, beside, end, redis, keys, objects, quarantine } = await openLedger();
    for (const day of [refused, pastDay]) await end(day, newEntry());
    expect(await beside({ objects: refusing(objects, false) }).exportDue()).toEqual({ entries: 1, segments: 1 });
    expect(await redis.exists(keys.entries(pastDay))).toBe(0);
    expect(await quarantine.list({ limit: 10 })).toMatchObject([{ kind: "ledger", subject: refused }]);
    expect(await ledger.exportDue()).toEqual({ entries: 1, segments: 1 });
    expect(await quarantine.list({ limit: 10 })).toEqual([]);
  });

  test("for the moment is told as an outage, after the other days", async () => {
    const { beside, end, redis, keys, objects, quarantine } = await openLedger();
    for (const day of [refused, pastDay]) await end(day, newEntry());
    await expect(beside({ objects: refusing(objects, true) }).exportDue()).rejects.toThrow("may not be written");
    expect(await redis.exists(keys.entries(pastDay))).toBe(0);
    expect(await quarantine.list({ limit: 10 })).toEqual([]);
  });
});

test("an entry that cannot be read holds up no export", async () => {
  const { ledger, redis, keys, segments } = await openLedger();
  const today = await ledger.today();
  await redis.sadd(keys.days, today);
  await redis.rpush(keys.entries(today), "no JSON");
  expect(await ledger.exportDue()).toEqual({ entries: 1, segments: 1 });
  expect(await segments(today)).toEqual([["no JSON"]]);
});

function testRoundTrip(place: string, open: () => ObjectStore | Promise<ObjectStore>): void {
  test(`segments lie in ${place}`, async () => {
    const store = await open();
    onTestFinished(() => store.close());
    const { ledger, end, ids, segments } = await openLedger({ objects: store, segmentEntries: 4 });
    const day = "2026-02-28";
    onTestFinished(() => store.delete([0, 4, 8].map((offset) => segmentKey(day, offset))));
    const entries = await end(day, ...newEntries(9), newEntry({ model: "größer" }));
    expect(await ledger.exportDue()).toEqual({ entries: 10, segments: 3 });
    expect((await segments(day)).flat()).toEqual(linesOf(entries));
    expect(await ids(day)).toEqual(idsOf(entries));
  });
}

testRoundTrip("memory", memoryStore);
testRoundTrip("a folder", async () =>
  createObjectStore({ storage: "filesystem", directory: await temporaryFolder(), links }),
);
describeWithS3("the ledger in a bucket", ({ accessKeyId, secretAccessKey, ...place }) => {
  const credentials = { accessKeyId, secretAccessKey };
  const prefix = `ledger-${randomUUID()}`;
  testRoundTrip("it", () => createObjectStore({ storage: "s3", ...place, credentials, createBucket: false, prefix }));
});

test("the backlog is what Redis alone has, over all days, and the age of the oldest entry", async () => {
  const { ledger, end } = await openLedger({ segmentEntries: 3 });
  expect(await ledger.backlog()).toEqual({ entries: 0, oldestAgeMs: null });
  await end(pastDay, ...newEntries(4));
  const { entries, oldestAgeMs } = await ledger.backlog();
  expect(entries).toBe(4);
  expect(oldestAgeMs).toBeGreaterThanOrEqual(0);
  await ledger.exportDue();
  expect(await ledger.backlog()).toEqual({ entries: 0, oldestAgeMs: null });
});
