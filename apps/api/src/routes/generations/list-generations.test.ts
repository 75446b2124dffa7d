import { once } from "node:events";
import { generationSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { otherApiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, imageBytes, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const listSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(generationSchema.strict()),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

/** A list whose reading stands still until it is released. */
async function stalledList(api: TestApi) {
  const arrived = Promise.withResolvers<void>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const { generations } = api.queue.reads;
  const list = generations.list;
  generations.list = async (options) => {
    generations.list = list;
    arrived.resolve();
    await promise;
    return list(options);
  };
  const answer = api.call("/v1/generations");
  await arrived.promise;
  return {
    async release() {
      resolve();
      expect((await answer).status).toBe(200);
    },
  };
}

function never(): never {
  throw new Error("The list was not given a signal");
}

/** Five generations, every other of them by dall-e-3. Returns their ids, the oldest first. */
async function submitFive(api: TestApi): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const body = { ...request, model: i % 2 === 0 ? "dall-e-2" : "dall-e-3" };
    ids.push((await generationIn(await api.post(body, { headers: { prefer: "respond-async" } }))).id);
  }
  return ids;
}

async function withFive() {
  const api = await startApi();
  const ids = await submitFive(api);
  const list = async (query = "") => {
    const answer = await api.call(`/v1/generations?${query}`);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { data, ...page } = listSchema.parse(await answer.json());
    return { seen: data.map(({ id }) => ids.indexOf(id)), data, page };
  };
  return { api, ids, list };
}

describe("200", () => {
  test("all of them, newest first, each with its place in line", async () => {
    const { ids, list } = await withFive();
    const { seen, data, page } = await list();
    expect(seen).toEqual([4, 3, 2, 1, 0]);
    expect(data.map(({ queue }) => queue?.position)).toEqual([5, 4, 3, 2, 1]);
    expect(page).toEqual({ object: "list", first_id: ids[4], last_id: ids[0], has_more: false });
  });

  test("an empty list", async () => {
    const api = await startApi();
    const answer = await api.call("/v1/generations");
    expect(await answer.json()).toEqual({ object: "list", data: [], first_id: null, last_id: null, has_more: false });
  });

  test("page by page, with what ended shown with its links", async () => {
    const { api, ids, list } = await withFive();
    await api.work(drawing(api.store, imageBytes));
    await expect.poll(() => api.endings()).toBe(5);
    const first = await list("limit=2");
    expect(first).toMatchObject({ seen: [4, 3], page: { last_id: ids[3], has_more: true } });
    const second = await list(`limit=2&after=${first.page.last_id}`);
    expect(second).toMatchObject({ seen: [2, 1], page: { last_id: ids[1], has_more: true } });
    expect(await list(`limit=2&after=${second.page.last_id}`)).toMatchObject({ seen: [0], page: { has_more: false } });
    const url = first.data[0]?.response?.data[0]?.url ?? "";
    expect((await api.follow(url)).status).toBe(200);
  });

  test("page by page towards the newest", async () => {
    const { ids, list } = await withFive();
    const page = await list(`limit=2&before=${ids[1]}`);
    expect(page).toMatchObject({ seen: [3, 2], page: { first_id: ids[3], has_more: true } });
    expect(await list(`limit=2&before=${page.page.first_id}`)).toMatchObject({ seen: [4], page: { has_more: false } });
  });

  test("those of one model, by its alias too, and of one status", async () => {
    const { api, ids, list } = await withFive();
    await api.call(`/v1/generations/${ids[2]}/cancel`, { method: "POST" });
    expect((await list("model=dall-e-3")).seen).toEqual([3, 1]);
    expect((await list("status=canceled")).seen).toEqual([2]);
    expect((await list("status=queued&model=dall-e-2")).seen).toEqual([4, 0]);
    expect((await list("model=of-old")).seen).toEqual([]);
  });

  test("filtered pages go on from last_id to the end", async () => {
    const { list } = await withFive();
    const seen: number[] = [];
    for (let after = "", more = true; more;) {
      const { page, ...rest } = await list(`model=dall-e-2&limit=1${after}`);
      seen.push(...rest.seen);
      after = `&after=${page.last_id}`;
      more = page.has_more;
    }
    expect(seen).toEqual([4, 2, 0]);
  });

  test("one that this release cannot read is left out, and all others are shown", async () => {
    const { api, ids, list } = await withFive();
    const { redis, keys } = api;
    await redis.hset(keys.record(ids[3] ?? ""), "upstream", '{"model":"m"}');
    expect(await list()).toMatchObject({ seen: [4, 2, 1, 0], page: { has_more: false } });
    const first = await list("limit=1");
    expect(first).toMatchObject({ seen: [4], page: { has_more: true } });
    expect(await list(`limit=1&after=${first.page.last_id}`)).toMatchObject({ seen: [2], page: { has_more: true } });
  });
});

describe("200", () => {
  test("each is shown as it is by its id, whatever its state", async () => {
    const { api, ids, list } = await withFive();
    await api.call(`/v1/generations/${ids[0]}/cancel`, { method: "POST" });
    const work = api.work(drawing(api.store, imageBytes));
    await expect.poll(() => api.endings()).toBe(5);
    await work;
    const metadata = { order: "17" };
    await api.post({ ...request, n: 2, job: { metadata, expires_in: 60 } }, { headers: { prefer: "respond-async" } });
    await expect.poll(() => api.endings()).toBe(6);
    const { data } = await list();
    expect(data.map(({ status }) => status)).toEqual([...Array(5).fill("succeeded"), "canceled"]);
    // Links are new each time.
    const withoutLinks = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value).replaceAll(/"url":"[^"]*"/g, '"url":""'));
    for (const listed of data) {
      const read = generationSchema.parse(await (await api.call(`/v1/generations/${listed.id}`)).json());
      expect(withoutLinks(listed)).toEqual(withoutLinks(read));
    }
  });

  test("pages of long prompts end early, and a walk misses none of them", async () => {
    const api = await startApi();
    const body = { ...request, model: "gpt-image-1", size: "1024x1024", prompt: "灯".repeat(32_000) };
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      ids.unshift((await generationIn(await api.post(body, { headers: { prefer: "respond-async" } }))).id);
    }
    const seen: string[] = [];
    for (let after = "", more = true; more;) {
      const text = await (await api.call(`/v1/generations?limit=100${after}`)).text();
      expect(text.length).toBeLessThan(1_100_000);
      const page = listSchema.parse(JSON.parse(text));
      seen.push(...page.data.map(({ id }) => id));
      after = `&after=${page.last_id}`;
      more = page.has_more;
    }
    expect(seen).toEqual(ids);
  });

  test("one that cannot be shown is left out, and all others are shown", async () => {
    const { api, ids, list } = await withFive();
    await api.redis.hset(api.keys.record(ids[3] ?? ""), "status", "succeeded");
    expect(await list()).toMatchObject({ seen: [4, 2, 1, 0], page: { has_more: false } });
  });

  test("reading ends when the caller hangs up", async () => {
    const { api } = await withFive();
    const gone = new AbortController();
    const signals: AbortSignal[] = [];
    const list = api.queue.reads.generations.list;
    api.queue.reads.generations.list = async (options) => {
      if (options.signal !== undefined) signals.push(options.signal);
      gone.abort();
      await once(options.signal ?? never(), "abort");
      return list(options);
    };
    await expect(api.call("/v1/generations", { signal: gone.signal })).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe("429", () => {
  test("where a tenant's lists that are under way are not received, its others wait and are refused; other tenants are served", async () => {
    const { api } = await withFive();
    const held: Awaited<ReturnType<typeof stalledList>>[] = [];
    for (let i = 0; i < 4; i++) held.push(await stalledList(api));
    const [refused, other] = await Promise.all([
      api.call("/v1/generations"),
      api.call("/v1/generations", { key: otherApiKey }),
    ]);
    expect([refused.status, other.status]).toEqual([429, 200]);
    expect(await refused.json()).toMatchObject({
      error: { code: "concurrency_limit_exceeded", type: "rate_limit_exceeded", param: null },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("x-should-retry")).toBe("true");
    for (const one of held) await one.release();
    expect((await api.call("/v1/generations")).status).toBe(200);
  });
});

describe("400", () => {
  test.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=ten", "limit"],
    ["limit=1&limit=2", "limit"],
    ["status=done", "status"],
    ["after=gen_none", "after"],
    ["before=gen_none", "before"],
    ["after=a&before=b", "before"],
    ["order=asc", "order"],
  ])("?%s", async (query, param) => {
    const api = await startApi();
    const answer = await api.call(`/v1/generations?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "invalid_request_error", param } });
  });
});
