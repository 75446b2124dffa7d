import { describe, expect, test } from "vitest";
import { newEntries, newEntry, openLedger, pastDay } from "./ledger.fixture.ts";
import { segmentKey } from "./ledger-segments.ts";

const idsOf = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);

test("a day without endings has no entries", async () => {
  const { ids } = await openLedger();
  expect(await ids()).toEqual([]);
});

test("entries come as they were written, in their order, from the store and from Redis", async () => {
  const { ledger, end } = await openLedger({ segmentEntries: 2 });
  const entries = await end(pastDay, ...newEntries(3), newEntry({ cost: null, provider: null, status: "failed" }));
  await ledger.exportDay(pastDay);
  entries.push(...(await end(pastDay, ...newEntries(2))));
  const found: unknown[] = [];
  for await (const entry of ledger.read(pastDay)) found.push(entry);
  expect(found).toEqual(entries);
});

test("more entries than a page of Redis holds", async () => {
  const { end, ids } = await openLedger();
  const entries = await end(pastDay, ...newEntries(2_500));
  expect(await ids()).toEqual(idsOf(entries));
});

describe("an export that goes on meanwhile neither hides an entry nor shows it twice", () => {
  test.each([[[10]], [[10, 1_500]], [[1_999]]])("after entry %j", async (exportsAfter) => {
    const { ledger, end } = await openLedger({ segmentEntries: 700 });
    const entries = await end(pastDay, ...newEntries(2_500));
    const ids: string[] = [];
    for await (const { id } of ledger.read(pastDay)) {
      ids.push(id);
      if (!exportsAfter.includes(ids.length)) continue;
      await ledger.exportDay(pastDay);
      entries.push(...(await end(pastDay, ...newEntries(1_600))));
    }
    expect(ids).toEqual(idsOf(entries));
  });

  test("between the last segment and Redis", async () => {
    const { ledger, beside, end, objects } = await openLedger({ segmentEntries: 2 });
    const entries = await end(pastDay, ...newEntries(3));
    const head: typeof objects.head = async (key) => {
      const found = await objects.head(key);
      await ledger.exportDay(pastDay);
      return found;
    };
    const ids: string[] = [];
    for await (const { id } of beside({ objects: { ...objects, head } }).read(pastDay)) ids.push(id);
    expect(ids).toEqual(idsOf(entries));
  });
});

test("an entry that was written twice is told once", async () => {
  const { ledger, end, ids } = await openLedger();
  const [entry] = await end(pastDay, newEntry());
  await ledger.exportDay(pastDay);
  if (entry !== undefined) await end(pastDay, entry);
  expect(await ids()).toEqual([entry?.id]);
});

describe("a ledger that cannot be read", () => {
  const put = async (lines: readonly string[]) => {
    const opened = await openLedger();
    const bytes = Buffer.from(lines.join("\n"));
    await opened.objects.put(segmentKey(pastDay, 0), bytes, { contentType: "application/jsonl" });
    return opened;
  };
  const good = JSON.stringify(newEntry());

  test.each([
    ["no JSON", "{"],
    ["no entry", JSON.stringify({ ...newEntry(), cost: 0.5 })],
    ["nothing", ""],
  ])("a line with %s is named by segment and line", async (_, line) => {
    const { ids } = await put([good, line, good, ""]);
    await expect(ids()).rejects.toThrow(`Line 2 of _ledger/${pastDay}/0000000000.jsonl is not an entry`);
    await expect(ids()).rejects.toMatchObject({ name: "LedgerError", fault: "broken" });
  });

  test.each([
    ["is cut off", [good, '{"id":"gen']],
    ["is empty", []],
  ])("a segment that %s", async (_, lines) => {
    const { ids } = await put(lines);
    await expect(ids()).rejects.toMatchObject({ fault: "broken" });
  });

  test("a broken entry in Redis is named by its place", async () => {
    const { ids, redis, keys } = await openLedger();
    await redis.rpush(keys.entries(pastDay), good, "{}");
    await expect(ids()).rejects.toThrow(`Entry 2 of ${keys.entries(pastDay)} in Redis is not an entry`);
  });

  test("a segment that was exported and is gone is missed", async () => {
    const { ids, ledger, end, objects } = await openLedger({ segmentEntries: 2 });
    await end(pastDay, ...newEntries(5));
    await ledger.exportDay(pastDay);
    await objects.delete([segmentKey(pastDay, 2)]);
    await expect(ids()).rejects.toThrow(`The segment _ledger/${pastDay}/0000000002.jsonl is missing`);
    await expect(ids()).rejects.toMatchObject({ fault: "missing" });
  });
});
