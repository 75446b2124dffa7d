import { withinOneDay } from "@darkroom/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { usageOf } from "./count-usage.ts";
import { anyEntries, newEntries, newEntry, openLedger, pastDay } from "./ledger.fixture.ts";

test("what is rebuilt from the export is what was counted at the endings, and what a plain model says", async () => {
  await fc.assert(
    fc.asyncProperty(anyEntries, anyEntries, fc.integer({ min: 1, max: 20 }), async (early, late, segmentEntries) => {
      const { beside, end, usage, loseRedis } = await openLedger();
      const ledger = beside({ segmentEntries });
      await end(pastDay, ...early);
      await ledger.exportDay(pastDay);
      await end(pastDay, ...late);
      const live = await usage();
      const all = [...early, ...late];
      expect(live).toEqual(usageOf(all));

      expect(await ledger.rebuildUsage(pastDay)).toEqual({ entries: all.length, tenants: live.size });
      expect(await usage()).toEqual(live);

      await ledger.exportDue();
      await loseRedis();
      await ledger.rebuildUsage(pastDay);
      expect(await usage()).toEqual(live);
    }),
    { numRuns: 40 },
  );
});

test("sums that are wrong are put right, and a tenant that has no entries goes", async () => {
  const { ledger, end, usage, redis, keys } = await openLedger();
  const entries = await end(pastDay, newEntry(), newEntry({ tenant: "other" }));
  await redis.hincrby(keys.usage(pastDay, "acme"), "key_a gpt-image-1 cost", 5);
  await redis.hset(keys.usage(pastDay, "acme"), "key_z dall-e-3 cost", 5);
  await redis.hset(keys.usage(pastDay, "unlisted"), "key_a gpt-image-1 cost", 5);
  await redis.sadd(keys.usageTenants(pastDay), "unlisted");
  await ledger.rebuildUsage(pastDay);
  expect(await usage()).toEqual(usageOf(entries));
  expect(await redis.exists(keys.usage(pastDay, "unlisted"))).toBe(0);
});

test("what was rebuilt is kept 400 days, and nothing else is left behind", async () => {
  const { ledger, end, redis, keys, prefix } = await openLedger();
  await end(pastDay, newEntry());
  await ledger.exportDue();
  await Promise.all([ledger.rebuildUsage(pastDay), ledger.rebuildUsage(pastDay)]);
  const kept = [keys.usage(pastDay, "acme"), keys.usageTenants(pastDay)];
  for (const key of kept) expect(Math.round((await redis.ttl(key)) / 86_400)).toBe(400);
  expect((await redis.keys(`${prefix}:*`)).toSorted()).toEqual([...kept, keys.export(pastDay)].toSorted());
});

describe("a refusal that changes nothing", () => {
  withinOneDay();

  test("today", async () => {
    const { ledger, end, usage } = await openLedger();
    const today = await ledger.today();
    const entries = await end(today, newEntry());
    await expect(ledger.rebuildUsage(today)).rejects.toMatchObject({ fault: "day_not_over" });
    await expect(ledger.rebuildUsage("2999-01-01")).rejects.toMatchObject({ fault: "day_not_over" });
    expect(await usage(today)).toEqual(usageOf(entries));
  });

  test("a usage without a ledger", async () => {
    const { ledger, end, usage, redis, keys } = await openLedger();
    const entries = await end(pastDay, ...newEntries(2));
    await redis.del(keys.entries(pastDay));
    await expect(ledger.rebuildUsage(pastDay)).rejects.toMatchObject({ fault: "missing" });
    expect(await usage()).toEqual(usageOf(entries));
  });

  test("a broken entry", async () => {
    const { ledger, end, usage, redis, keys } = await openLedger();
    const entries = await end(pastDay, newEntry());
    await redis.rpush(keys.entries(pastDay), "{}");
    await expect(ledger.rebuildUsage(pastDay)).rejects.toMatchObject({ fault: "broken" });
    expect(await usage()).toEqual(usageOf(entries));
  });
});
