import type { LedgerEntry } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const day = "2026-01-31";

const entry = (number: number): LedgerEntry => ({
  id: `gen_${number}:2`,
  generation: `gen_${number}`,
  status: "succeeded",
  tenant: "acme",
  key_id: "key_a",
  model: "dall-e-2",
  provider: "openai",
  images: 1,
  input_tokens: 0,
  output_tokens: 0,
  cost: 20_000,
  unbilled: 0,
  provider_cost: null,
  created_at_ms: 1_769_860_000_000,
  ended_at_ms: 1_769_860_001_000,
});

async function withEntries(...entries: (LedgerEntry | string)[]) {
  const api = await startApi();
  const lines = entries.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  await api.redis.rpush(`${api.prefix}:ledger:${day}`, ...lines);
  return { api, ask: (step: string, of = day) => askAdmin(api, "POST", `/admin/ledger/${of}/${step}`) };
}

const usageIn = async (api: TestApi) =>
  (await askAdmin(api, "GET", `/admin/tenants/acme/usage?from=${day}&to=${day}`)).json();

describe("200", () => {
  test("an export says how much it moved, and the next has nothing to move", async () => {
    const { api, ask } = await withEntries(entry(1), entry(2));
    const answer = await ask("export");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toEqual({ object: "ledger.export", day, entries: 2, segments: 1 });
    expect(await (await ask("export")).json()).toEqual({ object: "ledger.export", day, entries: 0, segments: 0 });
    expect(await api.store.head(`_ledger/${day}/0000000000.jsonl`)).not.toBeNull();
  });

  test("a rebuild computes the usage from what was exported and what was not", async () => {
    const { api, ask } = await withEntries(entry(1), entry(2));
    await ask("export");
    await api.redis.rpush(`${api.prefix}:ledger:${day}`, JSON.stringify(entry(3)));
    expect(await (await ask("rebuild")).json()).toEqual({ object: "ledger.rebuild", day, entries: 3, tenants: 1 });
    expect(await usageIn(api)).toMatchObject({ total: { images: 3, cost: 60_000 } });
  });
});

test("400 for what is no day", async () => {
  const { ask } = await withEntries(entry(1));
  for (const answer of [await ask("export", "today"), await ask("rebuild", "2026-02-30")]) {
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: "day" } });
  }
});

test("403 with a tenant's own key", async () => {
  const { api } = await withEntries(entry(1));
  for (const step of ["export", "rebuild"]) {
    expect((await api.call(`/admin/ledger/${day}/${step}`, { method: "POST" })).status).toBe(403);
  }
});

test("409 for the usage of a day that is not over", async () => {
  const { ask } = await withEntries(entry(1));
  const answer = await ask("rebuild", "2999-12-31");
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({
    error: { code: "conflict", message: expect.stringContaining("2999-12-31 is not over") },
  });
});

test("500 for a ledger that is broken, with the place", async () => {
  const { ask } = await withEntries(entry(1), "{}");
  await ask("export");
  const answer = await ask("rebuild");
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({
    error: { code: "server_error", message: expect.stringContaining(`Line 2 of _ledger/${day}/0000000000.jsonl`) },
  });
});

test("503 while the store is away, and the next export moves all", async () => {
  let away = true;
  const api = await startApi({
    objects: (store) => ({
      ...store,
      put: async (...write) => {
        if (away) throw new Error("The store is away");
        await store.put(...write);
      },
    }),
  });
  await api.redis.rpush(`${api.prefix}:ledger:${day}`, JSON.stringify(entry(1)));
  expect((await askAdmin(api, "POST", `/admin/ledger/${day}/export`)).status).toBe(503);
  away = false;
  expect(await (await askAdmin(api, "POST", `/admin/ledger/${day}/export`)).json()).toMatchObject({ entries: 1 });
});
