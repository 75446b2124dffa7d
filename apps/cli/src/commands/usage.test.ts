import type { UsageRow } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { runDarkroom } from "../stubs/run-darkroom.ts";
import { startStubService } from "../stubs/stub-service.ts";

function row(over: Partial<UsageRow>): UsageRow {
  const generations = { succeeded: 1, failed: 0, canceled: 0, expired: 0 };
  const none = { images: 1, input_tokens: 0, output_tokens: 0, unpriced: 0 };
  return { object: "usage", tenant: "acme", generations, ...none, cost: 40_000, ...over };
}

const data = [
  row({ day: "2026-11-21", model: "dall-e-3" }),
  row({ day: "2026-11-22", model: "gpt-image-1", images: 12, input_tokens: 50, output_tokens: 4160, cost: 166_605 }),
];
const days = { from: "2026-11-01", to: "2026-11-30" };
const answer = {
  object: "list",
  data,
  total: row({ images: 13, cost: 206_605, input_tokens: 50, output_tokens: 4160 }),
  ...days,
};
const bothKeys = { DARKROOM_API_KEY: "tenant-secret", DARKROOM_ADMIN_KEY: "admin-secret" };

test("usage asks by the tenant's own key and shows columns with their sum", async () => {
  const service = await startStubService(() => ({ body: answer }));
  const args = ["usage", "--from", "2026-11-01", "--to", "2026-11-30", "--by", "day,model"];
  const ran = await runDarkroom(args, { DARKROOM_URL: service.url, ...bothKeys });
  expect(service.asked).toEqual([
    {
      line: "GET /v1/usage?from=2026-11-01&to=2026-11-30&group_by=day%2Cmodel",
      authorization: "Bearer tenant-secret",
      body: undefined,
    },
  ]);
  expect(ran.stdout).toMatchInlineSnapshot(`
    "day        | model       | succeeded | failed | canceled | expired | images | input tokens | output tokens |      cost
    ---------- | ----------- | --------: | -----: | -------: | ------: | -----: | -----------: | ------------: | --------:
    2026-11-21 | dall-e-3    |         1 |      0 |        0 |       0 |      1 |            0 |             0 |     $0.04
    2026-11-22 | gpt-image-1 |         1 |      0 |        0 |       0 |     12 |           50 |          4160 | $0.166605
    in all     |             |         1 |      0 |        0 |       0 |     13 |           50 |          4160 | $0.206605
    "
  `);
});

test("usage has a column for what lacks a price only where something does", async () => {
  const service = await startStubService(() => ({ body: { ...answer, total: row({ unpriced: 2 }) } }));
  const ran = await runDarkroom(["usage"], { DARKROOM_URL: service.url, ...bothKeys });
  expect(ran.stdout.split("\n")[0]).toContain("without a price");
});

test("usage says to the admin what the provider charges, and of how much that is unknown", async () => {
  const charged = { provider_cost: 30_000, provider_cost_unknown: 3 };
  const service = await startStubService(() => ({
    body: { ...answer, data: [row(charged)], total: row(charged) },
  }));
  const ran = await runDarkroom(["usage", "--admin", "--by", "day"], { DARKROOM_URL: service.url, ...bothKeys });
  const [heading, , only] = ran.stdout.split("\n");
  expect(heading).toMatch(/provider cost \| provider cost unknown$/);
  expect(only).toMatch(/\$0\.03 \| +3$/);
});

test("usage of a tenant is asked for by the admin key", async () => {
  const service = await startStubService(() => ({ body: answer }));
  const ran = await runDarkroom(["usage", "--tenant", "acme", "--json"], { DARKROOM_URL: service.url, ...bothKeys });
  expect(service.asked[0]).toMatchObject({
    line: "GET /admin/tenants/acme/usage",
    authorization: "Bearer admin-secret",
  });
  expect(JSON.parse(ran.stdout)).toEqual(answer);
});

test("usage of every tenant has a column for whose it is", async () => {
  const both = { ...answer, data: [...data, row({ tenant: "beta", day: "2026-11-22", model: "dall-e-3" })] };
  const service = await startStubService(() => ({ body: both }));
  const ran = await runDarkroom(["usage", "--admin"], { DARKROOM_URL: service.url, ...bothKeys });
  expect(service.asked[0]).toMatchObject({ line: "GET /v1/usage", authorization: "Bearer admin-secret" });
  expect(ran.stdout).toMatch(/^day +\| tenant \| model/);
  expect(ran.stderr).toBe("From 2026-11-01 to 2026-11-30, days of UTC:\n");
});

test("usage counts by nothing but days, models and keys", async () => {
  const ran = await runDarkroom(["usage", "--by", "colour"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("Any of day, model, key");
});

test("ledger export and rebuild name a day", async () => {
  const service = await startStubService(() => ({ body: { object: "ledger.day", day: "2026-11-22", entries: 7 } }));
  const env = { DARKROOM_URL: service.url, ...bothKeys };
  const exported = await runDarkroom(["ledger", "export", "2026-11-22"], env);
  expect(exported.stdout).toBe("day      2026-11-22\nentries  7\n");
  await runDarkroom(["ledger", "rebuild", "2026-11-22"], env);
  expect(service.asked.map(({ line }) => line)).toEqual([
    "POST /admin/ledger/2026-11-22/export",
    "POST /admin/ledger/2026-11-22/rebuild",
  ]);
  expect((await runDarkroom(["ledger", "export", "yesterday"], env)).code).toBe(2);
});
