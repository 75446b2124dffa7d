import { explainedGenerationSchema, operatorGenerationSchema } from "@darkroom/contracts";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { keepApi, type KeptApi, otherApiKey, startApi } from "../../api.fixture.ts";
import { request } from "../../generation.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const listSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(operatorGenerationSchema.strict()),
  unreadable: z.array(z.string()),
  next: z.string().nullable(),
});

const failure = { code: "content_policy_violation", message: "The prompt 'a very private cat' is refused." } as const;
const broken = { code: "upstream_error", message: "The upstream broke." } as const;

let api: KeptApi;
let ids: Record<"failed" | "broken" | "queued" | "other", string>;
beforeAll(async () => {
  api = await keepApi();
  const idOf = (answer: Response) => answer.headers.get("x-generation-id") ?? "";
  const submit = async (prompt: string, key?: string) => {
    const headers = { prefer: "respond-async", ...(key && { authorization: `Bearer ${key}` }) };
    return idOf(await api.post({ ...request, prompt }, { headers }));
  };
  const outcomes = [failure, broken];
  await api.work(async ({ noteCall }) => {
    await noteCall({ deployment: "main", mayHaveCharged: true }, false);
    await noteCall({ deployment: "main", outcome: "failed", durationMs: 20, mayHaveCharged: true }, true);
    return { kind: "failed", error: outcomes.shift() ?? broken };
  });
  // Answered when they have failed.
  const failed = idOf(await api.post({ ...request, prompt: "a very private cat" }));
  const second = idOf(await api.post({ ...request, prompt: "a private dog" }));
  await askAdmin(api, "POST", "/admin/lanes/openai.interactive/pause");
  ids = { failed, broken: second, queued: await submit("a third"), other: await submit("a fourth", otherApiKey) };
  return api.close;
});

const find = async (query: Record<string, string>) => {
  const answer = await askAdmin(api, "GET", `/admin/generations?${new URLSearchParams(query)}`);
  return listSchema.parse(await answer.json());
};
const found = async (query: Record<string, string>) => (await find(query)).data.map(({ id }) => id);

test("all generations of all tenants are found, page by page, and no prompt of them", async () => {
  const seen: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const page: z.output<typeof listSchema> = await find({ limit: "1", ...(after !== "" && { after }) });
    expect(JSON.stringify(page)).not.toMatch(/private|third|fourth/);
    seen.push(...page.data.map(({ id }) => id));
    after = page.next;
  }
  expect(seen).toEqual([ids.queued, ids.broken, ids.failed, ids.other]);
});

test("they are found by tenant, status, error code, model, lane, key and time", async () => {
  expect(await found({ tenant: "other" })).toEqual([ids.other]);
  expect(await found({ status: "failed" })).toEqual([ids.broken, ids.failed]);
  expect(await found({ error_code: "upstream_error" })).toEqual([ids.broken]);
  expect(await found({ model: "dall-e-3" })).toEqual([]);
  expect(await found({ model: "dall-e-2", status: "queued", tenant: "acme" })).toEqual([ids.queued]);
  expect(await found({ lane: "openai.batch" })).toEqual([]);
  expect(await found({ batch: "batch_1" })).toEqual([]);
  const [one] = (await find({ tenant: "other" })).data;
  expect(await found({ key: one?.key_id ?? "" })).toEqual([ids.other]);
  const now = Math.floor(Date.now() / 1_000);
  expect(await found({ created_after: `${now - 60}`, tenant: "other" })).toEqual([ids.other]);
  expect(await found({ created_before: `${now - 3_600}` })).toEqual([]);
});

test("one is shown with its place in line and why it is where it is", async () => {
  const answer = await askAdmin(api, "GET", `/admin/generations/${ids.queued}`);
  expect(explainedGenerationSchema.strict().parse(await answer.json())).toMatchObject({
    id: ids.queued,
    tenant: "acme",
    status: "queued",
    position: 1,
    reason: "lane_paused",
    why: expect.stringMatching(/^The lane openai\.interactive is paused, .*\.$/),
  });
});

test("a message that quotes a prompt is not shown, and other messages are", async () => {
  const errorOf = async (id: string) => (await (await askAdmin(api, "GET", `/admin/generations/${id}`)).json()).error;
  expect(await errorOf(ids.failed)).toEqual({ code: "content_policy_violation", message: null });
  expect(await errorOf(ids.broken)).toEqual(broken);
});

test("404 for an id that is unknown, 400 for a place or a filter that is none", async () => {
  expect((await askAdmin(api, "GET", "/admin/generations/gen_unknown")).status).toBe(404);
  for (const query of ["after=acme", "after=acme/gen_unknown", "colour=red", "status=lost", "created_after=now"]) {
    expect((await askAdmin(api, "GET", `/admin/generations?${query}`)).status).toBe(400);
  }
});

test("a tenant whose list is damaged is named, and the generations of the others are found", async () => {
  const own = await startApi();
  const submit = async (key?: string) =>
    own.post(request, { headers: { prefer: "respond-async", ...(key && { authorization: `Bearer ${key}` }) } });
  await submit();
  const other = (await submit(otherApiKey)).headers.get("x-generation-id");
  await own.redis.del(own.keys.index("acme"));
  await own.redis.set(own.keys.index("acme"), "no list");
  const { data, unreadable } = listSchema.parse(await (await askAdmin(own, "GET", "/admin/generations")).json());
  expect([data.map(({ id }) => id), unreadable]).toEqual([[other], ["acme/"]]);
});

test("a record that is damaged is named, and the others are found", async () => {
  const own = await startApi();
  const submit = async (prompt: string) =>
    (await own.post({ ...request, prompt }, { headers: { prefer: "respond-async" } })).headers.get("x-generation-id") ??
    "";
  const [text, half, whole] = [await submit("1"), await submit("2"), await submit("3")];
  await own.redis.del(own.keys.record(text));
  await own.redis.set(own.keys.record(text), "no hash");
  await own.redis.hdel(own.keys.record(half), "status");
  const answer = await askAdmin(own, "GET", "/admin/generations");
  const { data, unreadable } = listSchema.parse(await answer.json());
  expect(data.map(({ id }) => id)).toEqual([whole]);
  expect(unreadable.toSorted()).toEqual([text, half].toSorted());
});

test("one tells the calls that were made for it, by their deployments", async () => {
  const answer = await askAdmin(api, "GET", `/admin/generations/${ids.broken}`);
  const { calls } = explainedGenerationSchema.strict().parse(await answer.json());
  const started = { attempt: 1, upstream: "main", started_at: expect.any(Number) };
  expect(calls).toEqual([{ ...started, duration_ms: 20, outcome: "failed", may_have_charged: true }]);
});
