import { imageResponseSchema } from "@darkroom/contracts";
import { tombstoneField } from "@darkroom/redis";
import type { ObjectStore } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { otherApiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

/** A queued generation. */
async function queued(api: TestApi, over: object = {}): Promise<string> {
  const answer = await api.post({ ...request, ...over }, { headers: { prefer: "respond-async" } });
  return (await generationIn(answer)).id;
}

/** Reads it as it is when it has ended. */
const untilEnded = (api: TestApi, id: string, query = "") =>
  api.call(`/v1/generations/${id}${query}`, { headers: { prefer: "wait=10" } });

describe("200", () => {
  test("a queued one, with its place in line and when to ask again", async () => {
    const api = await startApi();
    const id = await queued(api, { job: { metadata: { shelf: "7" }, expires_in: 600 } });
    const answer = await api.call(`/v1/generations/${id}`);
    const shown = await generationIn(answer);
    expect(shown).toEqual({
      id,
      object: "generation",
      status: "queued",
      model: "dall-e-2",
      created_at: expect.any(Number),
      started_at: null,
      completed_at: null,
      expires_at: shown.created_at + 600,
      queue: { position: 1, estimated_start_at: null },
      attempts: 0,
      provider: null,
      timings_ms: {},
      cost: null,
      metadata: { shelf: "7" },
      batch_id: null,
      request: { ...request, job: { metadata: { shelf: "7" }, expires_in: 600 } },
      response: null,
      error: null,
    });
    expect(Math.abs(shown.created_at - Date.now() / 1_000)).toBeLessThan(60);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(answer.headers.get("x-generation-id")).toBe(id);
  });

  test("a running one has left the line", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const id = await queued(api);
    await held.begun;
    const shown = await generationIn(await api.call(`/v1/generations/${id}`));
    expect(shown).toMatchObject({
      status: "running",
      queue: null,
      attempts: 1,
      timings_ms: { queued: expect.any(Number) },
    });
    expect(shown.timings_ms).not.toHaveProperty("total");
    held.end();
  });

  test("one that succeeded has the body of the synchronous answer, with links of its own", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const sync = await api.generate({ ...request, n: 2 });
    const id = sync.headers.get("x-generation-id") ?? "";
    const body = imageResponseSchema.parse(await sync.json());
    const answer = await api.call(`/v1/generations/${id}`);
    expect(answer.headers.has("retry-after")).toBe(false);
    const shown = await generationIn(answer);
    expect(shown).toMatchObject({ status: "succeeded", provider: "test", queue: null, error: null });
    expect(shown.timings_ms).toEqual({
      queued: expect.any(Number),
      ran: expect.any(Number),
      total: expect.any(Number),
    });
    const images = body.data.map((image) => Object.assign({}, image, { url: expect.any(String) }));
    expect(shown.response).toEqual({ ...body, data: images });
    for (const { url } of shown.response?.data ?? []) expect((await api.follow(url ?? "")).status).toBe(200);
  });

  test("the images themselves when they are asked for", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const sync = await api.generate({ ...request, n: 2, response_format: "b64_json" });
    const id = sync.headers.get("x-generation-id") ?? "";
    const answer = await api.call(`/v1/generations/${id}?response_format=b64_json`);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await generationIn(answer)).response).toEqual(await sync.json());
  });

  test("a HEAD has the headers of that answer, and reads no image", async () => {
    const opened: string[] = [];
    const objects = (store: ObjectStore): ObjectStore => ({
      ...store,
      get: (key, options) => {
        opened.push(key);
        return store.get(key, options);
      },
    });
    const api = await startApi({ objects });
    await api.work(drawing(api.store, imageBytes));
    const sync = await api.generate({ ...request, n: 2, response_format: "url" });
    const id = sync.headers.get("x-generation-id") ?? "";
    const path = `/v1/generations/${id}?response_format=b64_json`;
    const head = await api.call(path, { method: "HEAD" });
    expect([head.status, opened]).toEqual([200, []]);
    const got = await api.call(path);
    await got.text();
    for (const name of ["content-type", "content-length", "cache-control", "x-generation-id", "x-generation-cost"])
      expect([name, head.headers.get(name)]).toEqual([name, got.headers.get(name)]);
    await api.store.delete(opened);
    expect((await api.call(path, { method: "HEAD" })).status).toBe((await api.call(path)).status);
  });

  test.each([
    ["failed", { code: "upstream_error", message: "It broke.", type: "server_error", param: null }],
    ["canceled", { code: "conflict", type: "invalid_request_error" }],
  ])("one that %s has the error of the synchronous answer", async (status, error) => {
    const api = await startApi();
    const id = await queued(api);
    if (status === "canceled") await api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
    await api.work(async () => ({ kind: "failed", error: { code: "upstream_error", message: "It broke." } }));
    expect(await generationIn(await untilEnded(api, id))).toMatchObject({ status, response: null, error });
  });
});

describe("Prefer: wait", () => {
  test("answers as soon as it has ended", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const id = await queued(api);
    const waiting = untilEnded(api, id);
    await held.begun;
    held.end();
    const answer = await waiting;
    expect(answer.headers.get("preference-applied")).toBe("wait=10");
    expect((await generationIn(answer)).status).toBe("succeeded");
  });

  test("with the state as it stands when the wait is over, whether or not others still watch", async () => {
    const api = await startApi();
    const id = await queued(api);
    const answer = await api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=1" } });
    expect((await generationIn(answer)).status).toBe("queued");
    await expect.poll(() => api.watchersOf(id)).toBe("");
  });

  test("at most a minute", async () => {
    const api = await startApi();
    const id = await queued(api);
    const waiting = api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=3600" } });
    await expect.poll(() => api.watchersOf(id)).not.toBe("");
    api.drain.dismiss();
    expect((await waiting).headers.get("preference-applied")).toBe("wait=60");
  });

  test("who leaves cancels nothing and leaves nothing behind", async () => {
    const api = await startApi();
    const id = await queued(api);
    const call = new AbortController();
    const headers = { prefer: "wait=10" };
    const gone = api.call(`/v1/generations/${id}`, { headers, signal: call.signal }).catch(() => "gone");
    await expect.poll(() => api.watchersOf(id)).not.toBe("");
    call.abort();
    expect(await gone).toBe("gone");
    await expect.poll(() => api.watchersOf(id)).toBe("");
    expect((await api.queue.generations.read(id))?.status).toBe("queued");
  });
});

test.each([
  ["response_format=gif", "response_format"],
  ["format=b64_json", "format"],
])("400 for ?%s", async (query, param) => {
  const api = await startApi();
  const answer = await api.call(`/v1/generations/${await queued(api)}?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param } });
});

test("404 expired for its owner alone, when it is no longer kept", async () => {
  const api = await startApi();
  const id = await queued(api);
  await api.loseRecords();
  expect((await api.call(`/v1/generations/${id}`)).status).toBe(404);
  await api.redis.hset(api.keys.tombstones(id), tombstoneField(id), "acme");
  const mine = await api.call(`/v1/generations/${id}`);
  expect(mine.status).toBe(404);
  expect(await mine.json()).toMatchObject({ error: { code: "expired" } });
  const theirs = await api.call(`/v1/generations/${id}`, { key: otherApiKey });
  expect(await theirs.json()).toMatchObject({ error: { code: "not_found" } });
});

test("503 while Redis is away", async () => {
  const api = await startApi({ behindProxy: true });
  const id = await queued(api);
  api.redisLine.cut();
  const answer = await api.call(`/v1/generations/${id}`);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  api.redisLine.restore();
});
