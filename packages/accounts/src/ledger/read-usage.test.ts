import { usageRowSchema } from "@darkroom/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyEntries, newEntry, openLedger } from "./ledger.fixture.ts";
import type { UsageQuery } from "./read-usage.ts";
import { totalUsage } from "./usage-sums.ts";

const [first, second] = ["2026-01-31", "2026-02-01"];
const january: UsageQuery = {
  from: "2026-01-01",
  to: "2026-01-31",
  groupBy: ["day", "model", "key"],
  ofProvider: false,
};

/** Two days of two tenants. */
async function withUsage() {
  const { ledger, end } = await openLedger();
  await end(
    first,
    newEntry(),
    newEntry({ images: 1, cost: null }),
    newEntry({ key_id: "key_b", status: "failed", images: 0, input_tokens: 0, output_tokens: 0, cost: 0 }),
    newEntry({ tenant: "acme-2", model: "dall-e-3", provider_cost: 7 }),
  );
  await end(second, newEntry({ status: "canceled" }), newEntry({ model: "dall-e-3", status: "expired" }));
  return (query: Partial<UsageQuery> = {}) => ledger.readUsage({ ...january, to: second, ...query });
}

test("a row for each day, tenant, key and model, sorted so, with sums of whole numbers", async () => {
  const usage = await withUsage();
  const rows = await usage();
  expect(rows.map(({ day, tenant, key_id, model }) => [day, tenant, key_id, model])).toEqual([
    [first, "acme", "key_a", "gpt-image-1"],
    [first, "acme", "key_b", "gpt-image-1"],
    [first, "acme-2", "key_a", "dall-e-3"],
    [second, "acme", "key_a", "dall-e-3"],
    [second, "acme", "key_a", "gpt-image-1"],
  ]);
  expect(rows[0]).toEqual({
    object: "usage",
    day: first,
    tenant: "acme",
    key_id: "key_a",
    model: "gpt-image-1",
    generations: { succeeded: 2, failed: 0, canceled: 0, expired: 0 },
    images: 3,
    input_tokens: 20,
    output_tokens: 2_000,
    cost: 80_000,
    unpriced: 1,
  });
  for (const row of rows) usageRowSchema.strict().parse(row);
});

test("what providers charge is in it only where it is asked for", async () => {
  const usage = await withUsage();
  const rows = await usage({ ofProvider: true });
  expect(rows[0]).toMatchObject({ provider_cost: 0, provider_cost_unknown: 2 });
  expect(rows[2]).toMatchObject({ model: "dall-e-3", provider_cost: 7, provider_cost_unknown: 0 });
  for (const row of rows) usageRowSchema.strict().parse(row);
  expect(totalUsage(rows, true)).toMatchObject({ provider_cost: 7 });
  expect(totalUsage([], true)).toMatchObject({ provider_cost: 0, provider_cost_unknown: 0 });
  for (const row of await usage()) expect(row).not.toHaveProperty("provider_cost");
});

describe("a question for less", () => {
  test("one tenant", async () => {
    const usage = await withUsage();
    expect((await usage({ tenant: "acme-2" })).map(({ tenant }) => tenant)).toEqual(["acme-2"]);
    expect(await usage({ tenant: "nobody" })).toEqual([]);
  });

  test("one key", async () => {
    const usage = await withUsage();
    const rows = await usage({ keyId: "key_b" });
    expect(rows).toMatchObject([{ key_id: "key_b", generations: { failed: 1 }, cost: 0, unpriced: 0 }]);
  });

  test("some days, both ends included", async () => {
    const usage = await withUsage();
    expect(new Set((await usage({ to: first })).map(({ day }) => day))).toEqual(new Set([first]));
    expect(new Set((await usage({ from: second })).map(({ day }) => day))).toEqual(new Set([second]));
    expect(await usage({ from: "2026-03-01", to: "2026-03-31" })).toEqual([]);
  });

  test.each([
    [["day"], { day: first, tenant: "acme" }],
    [["model"], { tenant: "acme", model: "dall-e-3" }],
    [["key"], { tenant: "acme", key_id: "key_a" }],
    [[], { tenant: "acme" }],
  ] as const)("rows by %j lack the other dimensions", async (groupBy, place) => {
    const usage = await withUsage();
    const [row] = await usage({ groupBy });
    expect(row).toEqual({ object: "usage", ...place, ...(row && totalUsage([row], false)) });
    expect(totalUsage(await usage({ groupBy }), false)).toEqual(totalUsage(await usage(), false));
  });
});

test("400 days are the most", async () => {
  const usage = await withUsage();
  expect(await usage({ from: "2025-01-01", to: "2026-02-04" })).toHaveLength(5);
  await expect(usage({ from: "2025-01-01", to: "2026-02-05" })).rejects.toThrow(RangeError);
});

test("the total is that of the entries, however they are grouped", async () => {
  const grouping = fc.subarray(["day", "model", "key"] as const);
  await fc.assert(
    fc.asyncProperty(anyEntries, anyEntries, grouping, async (one, other, groupBy) => {
      const { ledger, end } = await openLedger();
      await end(first, ...one);
      await end(second, ...other);
      const all = [...one, ...other];
      const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
      const rows = await ledger.readUsage({ ...january, to: second, groupBy, ofProvider: true });
      expect(totalUsage(rows, true)).toMatchObject({
        generations: { expired: all.filter(({ status }) => status === "expired").length },
        images: sum(all.map(({ images }) => images)),
        output_tokens: sum(all.map(({ output_tokens }) => output_tokens)),
        cost: sum(all.map(({ cost }) => cost ?? 0)),
        unpriced: all.filter(({ cost }) => cost === null).length,
        provider_cost: sum(all.map(({ provider_cost }) => provider_cost ?? 0)),
        provider_cost_unknown: all.filter(({ provider_cost }) => provider_cost === null).length,
      });
    }),
    { numRuns: 20 },
  );
});
