import { type GenerationAction, generationActionSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { heldWork, request } from "../../generation.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const later = 4_102_444_800;

async function submit(api: TestApi, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const answer = await api.post({ ...request, prompt: `secret ${i}` }, { headers: { prefer: "respond-async" } });
    ids.push(answer.headers.get("x-generation-id") ?? "");
  }
  return ids;
}

async function change(api: TestApi, action: string, body: object): Promise<GenerationAction> {
  const answer = await askAdmin(api, "POST", `/admin/generations/${action}`, body);
  expect(answer.status).toBe(200);
  return generationActionSchema.strict().parse(await answer.json());
}

const statusOf = async (api: TestApi, id: string): Promise<string | null> =>
  api.redis.hget(api.keys.record(id), "status");

describe("cancel", () => {
  test("a dry run counts what matches and changes nothing, and the change cancels just that", async () => {
    const api = await startApi();
    const ids = await submit(api, 3);
    const dry = await change(api, "cancel", { filter: { tenant: "acme" } });
    expect(dry).toMatchObject({ dry_run: true, matched: 3, done: 0, failed: [], next: null });
    expect(await Promise.all(ids.map(async (id) => statusOf(api, id)))).toEqual(["queued", "queued", "queued"]);
    const body = { filter: dry.filter, dry_run: false, at_most: dry.matched };
    expect(await change(api, "cancel", body)).toMatchObject({ dry_run: false, matched: 3, done: 3, failed: [] });
    expect(await Promise.all(ids.map(async (id) => statusOf(api, id)))).toEqual(["canceled", "canceled", "canceled"]);
    expect(await change(api, "cancel", body)).toMatchObject({ matched: 0, done: 0 });
  });

  test("no more are canceled than the dry run counted, and none that were made after it", async () => {
    const api = await startApi();
    const [first = "", second = ""] = await submit(api, 2);
    const bounded = { filter: { tenant: "acme", created_before: later }, dry_run: false, at_most: 1 };
    expect(await change(api, "cancel", bounded)).toMatchObject({ matched: 2, done: 1, next: null });
    const before = { filter: { created_before: 1_000 }, dry_run: false, at_most: 10 };
    expect(await change(api, "cancel", before)).toMatchObject({ matched: 0, done: 0 });
    expect([await statusOf(api, first), await statusOf(api, second)]).toEqual(["queued", "canceled"]);
  });

  test("one that was made within the second of the dry run, and after it, is not canceled", async () => {
    const api = await startApi();
    const [counted = ""] = await submit(api, 1);
    const dry = await change(api, "cancel", { filter: { created_before: later } });
    expect(dry).toMatchObject({ matched: 1, filter: { created_before: expect.any(Number) } });
    const [made = ""] = await submit(api, 1);
    const body = { filter: dry.filter, dry_run: false, at_most: dry.matched };
    expect(await change(api, "cancel", body)).toMatchObject({ matched: 1, done: 1 });
    expect([await statusOf(api, counted), await statusOf(api, made)]).toEqual(["canceled", "queued"]);
  });

  test("pages go on where the one before ended", async () => {
    const api = await startApi();
    await submit(api, 5);
    const filter = { created_before: later };
    const counts: number[] = [];
    for (let after: string | null = ""; after !== null;) {
      const body = { filter, dry_run: false, at_most: 5, limit: 2, ...(after !== "" && { after }) };
      const page: GenerationAction = await change(api, "cancel", body);
      counts.push(page.done);
      after = page.next;
    }
    expect(counts).toEqual([2, 2, 1]);
  });

  test("one that runs is canceled too, and its worker is told", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const [id = ""] = await submit(api, 1);
    await held.begun;
    const body = { filter: { status: "running", created_before: later }, dry_run: false, at_most: 1 };
    expect(await change(api, "cancel", body)).toMatchObject({ done: 1 });
    held.end();
    expect(await statusOf(api, id)).toBe("canceled");
  });

  test("a record that is damaged is named, and all others are canceled", async () => {
    const api = await startApi();
    const [text = "", half = "", third = ""] = await submit(api, 3);
    await api.redis.del(api.keys.record(text));
    await api.redis.set(api.keys.record(text), "no hash");
    // The account of its key is of another type, so that the script which ends it fails.
    await api.redis.hset(api.keys.record(half), "keyId", "damaged");
    await api.redis.set(`${api.keys.root}account:damaged`, "no hash");
    const body = { filter: { created_before: later }, dry_run: false, at_most: 3 };
    const answer = await change(api, "cancel", body);
    expect(answer).toMatchObject({ matched: 2, done: 1, unreadable: [text] });
    expect(answer.failed.map(({ id }) => id)).toEqual([half]);
    expect(await statusOf(api, third)).toBe("canceled");
  });
});

describe("retry", () => {
  test("what failed by an error is queued again, and no prompt is shown", async () => {
    const api = await startApi();
    const error = { code: "upstream_error", message: "The upstream broke." } as const;
    await api.work(async () => ({ kind: "failed", error }));
    const ids = await submit(api, 2);
    await expect.poll(() => api.endings()).toBe(2);
    await askAdmin(api, "POST", "/admin/lanes/openai.interactive/pause");
    const filter = { error_code: "upstream_error", created_before: later };
    expect(await change(api, "retry", { filter: { ...filter, error_code: "timeout_error" } })).toMatchObject({
      matched: 0,
    });
    const answer = await change(api, "retry", { filter, dry_run: false, at_most: 2 });
    expect(answer).toMatchObject({ matched: 2, done: 2, failed: [] });
    expect(JSON.stringify(answer)).not.toContain("secret");
    for (const id of ids) expect(await statusOf(api, id)).toBe("queued");
    expect((await api.queue.lanes.depth("openai.interactive")).waiting).toBe(2);
  });

  test("one whose lane is drained is named with the reason, and is not queued", async () => {
    const api = await startApi();
    const [id = ""] = await submit(api, 1);
    await change(api, "cancel", { filter: { created_before: later }, dry_run: false, at_most: 1 });
    api.drainedLanes.add("openai.interactive");
    const answer = await change(api, "retry", { filter: { created_before: later }, dry_run: false, at_most: 1 });
    expect(answer).toMatchObject({ matched: 1, done: 0, failed: [{ id, code: "overloaded" }] });
    expect(await statusOf(api, id)).toBe("canceled");
  });
});

test("400 for a change without a dry run before it, and for a state that cannot be changed so", async () => {
  const api = await startApi();
  const refusal = async (action: string, body: object) => {
    const answer = await askAdmin(api, "POST", `/admin/generations/${action}`, body);
    return [answer.status, (await answer.json()).error.param];
  };
  expect(await refusal("cancel", { filter: { created_before: later }, dry_run: false })).toEqual([400, "at_most"]);
  const openEnded = { filter: {}, dry_run: false, at_most: 1 };
  expect(await refusal("cancel", openEnded)).toEqual([400, "filter.created_before"]);
  expect(await refusal("cancel", { filter: { status: "failed" } })).toEqual([400, "filter.status"]);
  expect(await refusal("retry", { filter: { status: "succeeded" } })).toEqual([400, "filter.status"]);
  expect(await refusal("retry", {})).toEqual([400, "filter"]);
});
