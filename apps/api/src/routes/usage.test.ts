import { text } from "node:stream/consumers";
import { ledgerEntrySchema } from "@darkroom/contracts";
import { withinOneDay } from "@darkroom/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { adminKey, apiKey, keepApi, otherApiKey, startApi, type KeptApi } from "../api.fixture.ts";
import { imageBytes, request } from "../generation.fixture.ts";
import { countSuccess, otherKeyId, ownKeyId, usageSchema } from "../usage/usage.fixture.ts";
import { drawing } from "../worker.fixture.ts";

let api: KeptApi;
let today: string;
const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(Date.parse(today) - days * dayMs).toISOString().slice(0, 10);

withinOneDay();
beforeAll(async () => {
  api = await keepApi();
  const [seconds] = await api.redis.time();
  today = new Date(Number(seconds) * 1_000).toISOString().slice(0, 10);
  await countSuccess(api, today, "acme", ownKeyId);
  await countSuccess(api, today, "acme", ownKeyId, "dall-e-3");
  await countSuccess(api, today, "acme", "key_of_a_colleague");
  await countSuccess(api, today, "other", otherKeyId);
  await countSuccess(api, daysAgo(29), "acme", ownKeyId);
  await countSuccess(api, daysAgo(30), "acme", ownKeyId);
  return api.close;
});

async function usage(query: string, key = apiKey) {
  const answer = await api.call(`/v1/usage?${query}`, { key });
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return usageSchema.parse(await answer.json());
}

const places = ({ data }: Awaited<ReturnType<typeof usage>>) =>
  data.map(({ day, tenant, key_id, model }) =>
    [day, tenant, key_id, model].filter((part) => part !== undefined).join(" "),
  );

describe("200", () => {
  test("the last thirty days of the calling key, by day, model and key, with their sum", async () => {
    const answer = await usage("");
    expect(answer).toMatchObject({ from: daysAgo(29), to: today });
    expect(places(answer)).toEqual([
      `${daysAgo(29)} acme ${ownKeyId} dall-e-2`,
      `${today} acme ${ownKeyId} dall-e-2`,
      `${today} acme ${ownKeyId} dall-e-3`,
    ]);
    expect(answer.total).toEqual({
      generations: { succeeded: 3, failed: 0, canceled: 0, expired: 0 },
      images: 6,
      input_tokens: 0,
      output_tokens: 300,
      cost: 240_000,
      unpriced: 0,
    });
    expect(places(await usage("", otherApiKey))).toEqual([`${today} other ${otherKeyId} dall-e-2`]);
  });

  test("the days that are asked for, both ends included", async () => {
    expect(places(await usage(`from=${daysAgo(30)}&to=${daysAgo(29)}`))).toEqual([
      `${daysAgo(30)} acme ${ownKeyId} dall-e-2`,
      `${daysAgo(29)} acme ${ownKeyId} dall-e-2`,
    ]);
    expect(await usage(`to=${daysAgo(30)}`)).toMatchObject({ from: daysAgo(59), data: [{ images: 2 }] });
    expect(await usage(`from=${today}`)).toMatchObject({ to: today, total: { images: 4 } });
    expect((await usage(`from=${daysAgo(399)}`)).data).toHaveLength(4);
    expect(await usage("from=2020-01-01&to=2020-01-31")).toMatchObject({ data: [], total: { cost: 0 } });
  });

  test("told apart by what is asked for", async () => {
    expect(places(await usage("group_by=model"))).toEqual(["acme dall-e-2", "acme dall-e-3"]);
    expect(await usage("group_by=key,day")).toMatchObject({ data: [{ images: 2 }, { images: 4, key_id: ownKeyId }] });
  });

  test("all tenants and keys with the admin key, or those that it names", async () => {
    const by = `from=${today}&group_by=key`;
    expect(places(await usage(by, adminKey))).toEqual(
      ["acme key_of_a_colleague", `acme ${ownKeyId}`, `other ${otherKeyId}`].toSorted(),
    );
    expect(places(await usage(`${by}&tenant=other`, adminKey))).toEqual([`other ${otherKeyId}`]);
    expect(places(await usage(`${by}&key=key_of_a_colleague`, adminKey))).toEqual(["acme key_of_a_colleague"]);
    expect(places(await usage(`${by}&tenant=other&key=${ownKeyId}`, adminKey))).toEqual([]);
  });
});

test("what providers charge is told to the admin, and to no tenant", async () => {
  expect((await usage(`from=${today}`, adminKey)).total).toMatchObject({
    provider_cost: 120_000,
    provider_cost_unknown: 0,
  });
  const own = await usage(`from=${today}`);
  expect(JSON.stringify(own)).not.toContain("provider");
});

test("what generations come to is in the usage and, line by line, in the exported ledger", async () => {
  const service = await startApi();
  const left = await service.generate(request, { headers: { prefer: "respond-async" } });
  await service.call(`${left.headers.get("location")}/cancel`, { method: "POST" });
  await service.work(drawing(service.store, imageBytes));
  await service.generate({ ...request, model: "dall-e-2", n: 2 });
  await service.generate({ ...request, model: "dall-e-3" });

  const answer = usageSchema.parse(await (await service.call("/v1/usage")).json());
  expect(answer.total).toMatchObject({ generations: { succeeded: 2, canceled: 1 }, images: 3, unpriced: 0 });
  expect(answer.total.cost).toBeGreaterThan(0);

  const day = answer.to;
  const exported = await service.call(`/admin/ledger/${day}/export`, { key: adminKey, method: "POST" });
  expect(await exported.json()).toMatchObject({ entries: 3 });
  const { body } = await service.store.get(`_ledger/${day}/0000000000.jsonl`);
  const lines = (await text(body)).trimEnd().split("\n");
  const entries = lines.map((line) => ledgerEntrySchema.strict().parse(JSON.parse(line)));
  expect(entries.map(({ status, images, key_id }) => [status, images, key_id])).toEqual([
    ["canceled", 0, ownKeyId],
    ["succeeded", 2, ownKeyId],
    ["succeeded", 1, ownKeyId],
  ]);
  expect(entries.reduce((sum, { cost }) => sum + (cost ?? 0), 0)).toBe(answer.total.cost);
});

describe("400", () => {
  test.each([
    ["from=yesterday", "from", "must be a day of UTC like 2026-11-22"],
    ["from=2026-02-30", "from", "must be a day of UTC like 2026-11-22"],
    ["from=0000-01-01", "from", "must be a day of UTC from 2000-01-01 on"],
    ["to=2026-11-22T00:00:00Z", "to", "must be a day of UTC"],
    ["from=2026-01-02&to=2026-01-01", "from", "it is after 'to', which is 2026-01-01"],
    ["from=2025-01-01&to=2026-02-05", "from", "there are 401 days"],
    ["from=2026-01-01&from=2026-01-02", "from", "expected a string"],
    ["group_by=", "group_by", "must be some of day, model, key"],
    ["group_by=day,colour", "group_by", "must be some of day, model, key"],
    ["group_by=day,day", "group_by", "each once"],
    ["group_by=day&group_by=model", "group_by", "expected a string"],
    ["tenant=acme", "tenant", "Unknown parameter"],
    ["key=key_of_a_colleague", "key", "Unknown parameter"],
    ["limit=5", "limit", "Unknown parameter"],
  ])("?%s", async (query, param, message) => {
    const answer = await api.call(`/v1/usage?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { code: "invalid_request_error", param, message: expect.stringContaining(message) },
    });
  });

  test.each([
    ["tenant=a:b", "tenant"],
    ["key=", "key"],
  ])("?%s from the admin", async (query, param) => {
    const answer = await api.call(`/v1/usage?${query}`, { key: adminKey });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });
});

test("401 without a key that is known", async () => {
  expect((await api.call("/v1/usage", { key: "sk-nobody" })).status).toBe(401);
});

test("503 while Redis is away", async () => {
  const away = await startApi({ behindProxy: true });
  away.redisLine.cut();
  const answer = await away.call("/v1/usage");
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
});
