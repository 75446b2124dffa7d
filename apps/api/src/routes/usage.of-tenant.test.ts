import { expect, test } from "vitest";
import { startApi } from "../api.fixture.ts";
import { askAdmin } from "./admin/admin.fixture.ts";
import { countSuccess, otherKeyId, ownKeyId, usageSchema } from "../usage/usage.fixture.ts";

async function withUsage() {
  const api = await startApi();
  await countSuccess(api, "2026-01-31", "acme", ownKeyId);
  await countSuccess(api, "2026-01-31", "acme", "key_b");
  await countSuccess(api, "2026-01-31", "other", otherKeyId);
  const ask = (tenant: string, query = "") =>
    askAdmin(api, "GET", `/admin/tenants/${tenant}/usage?from=2026-01-01&to=2026-01-31${query}`);
  return { api, ask };
}

test("200 with what all keys of the tenant have used, or one of them", async () => {
  const { ask } = await withUsage();
  const usage = usageSchema.parse(await (await ask("acme")).json());
  expect(usage.data.map(({ tenant, key_id }) => [tenant, key_id])).toEqual(
    ["key_b", ownKeyId].toSorted().map((key) => ["acme", key]),
  );
  expect(usage.total).toMatchObject({ images: 4, cost: 160_000, provider_cost: 60_000 });
  expect(await (await ask("acme", "&key=key_b")).json()).toMatchObject({ total: { images: 2 } });
  expect(await (await ask("nobody")).json()).toMatchObject({ data: [], total: { images: 0 } });
});

test("400 for a tenant that can be none, and for an unknown parameter", async () => {
  const { ask } = await withUsage();
  for (const [answer, param] of [
    [await ask("a:b"), "tenant"],
    [await ask("acme", "&tenant=other"), "tenant"],
    [await ask("acme", "&group_by=hour"), "group_by"],
  ] as const) {
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  }
});

test("403 with a tenant's own key", async () => {
  const { api } = await withUsage();
  expect((await api.call("/admin/tenants/acme/usage")).status).toBe(403);
});
