import { createdApiKeySchema, errorBodySchema, imageResponseSchema } from "@darkroom/contracts";
import type { Work } from "@darkroom/generations";
import { describe, expect, test } from "vitest";
import { adminKey, startApi, type StartApiOptions, type TestApi } from "../api.fixture.ts";
import { drawing } from "../worker.fixture.ts";

const picture = Buffer.from("a picture, or as good as one");
const request = { prompt: "a cat", model: "gpt-image-2" };
const keptAlive = { headers: { prefer: "keep-alive" } };
const refused: Work = async () => ({ kind: "failed", error: { code: "moderation_blocked", message: "Not this one." } });

/** An answer that has begun: its first bytes, and the way to the rest of it. */
async function begun(answer: Response) {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const read = async () => (await reader?.read())?.value ?? null;
  const first = await read();
  return {
    first,
    whole: async (): Promise<string> => {
      let text = first ?? "";
      for (let chunk = await read(); chunk !== null; chunk = await read()) text += chunk;
      return text;
    },
  };
}

/** A service whose worker waits until it may go on. */
async function startSlow(work: (api: TestApi) => Work, options?: StartApiOptions) {
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const api = await startApi(options);
  await api.work(async (attempt) => {
    await mayEnd;
    return work(api)(attempt);
  });
  return { api, end };
}

describe("a plain call that prefers to be kept alive", () => {
  test("has its status before its images, then blanks, then the body that it would have had", async () => {
    const { api, end } = await startSlow(({ store }) => drawing(store, picture));
    const answer = await api.generate(request, keptAlive);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "preference-applied": "keep-alive",
      "x-generation-id": expect.stringMatching(/^gen_/),
    });
    const { first, whole } = await begun(answer);
    expect(first).toBe(" ");
    end();
    const text = await whole();
    expect(text).toMatch(/^ +\{/);
    const [image] = imageResponseSchema.parse(JSON.parse(text)).data;
    expect(image).toMatchObject({ b64_json: picture.toString("base64"), url: expect.any(String) });
    await expect.poll(() => api.queue.waits.size).toBe(0);
  });

  test("has a link where it asked for one, too", async () => {
    const { api, end } = await startSlow(({ store }) => drawing(store, picture));
    const answer = await api.generate({ ...request, response_format: "url" }, keptAlive);
    const { whole } = await begun(answer);
    end();
    const [image] = imageResponseSchema.parse(JSON.parse(await whole())).data;
    expect(image).toMatchObject({ b64_json: null, url: expect.any(String) });
  });

  test("has an error in the body of its 200", async () => {
    const { api, end } = await startSlow(() => refused);
    const answer = await api.generate(request, keptAlive);
    const { whole } = await begun(answer);
    end();
    expect(answer.status).toBe(200);
    expect(errorBodySchema.parse(JSON.parse(await whole())).error).toMatchObject({
      code: "moderation_blocked",
      message: "Not this one.",
    });
  });

  test("is told there, too, that it took too long, and that the server shuts down", async () => {
    const slow = await startSlow(() => refused, { syncTimeoutMs: 3_500 });
    const stopping = await startApi();
    const [late, stopped] = await Promise.all([
      slow.api.generate(request, keptAlive).then(begun),
      stopping.generate(request, keptAlive).then(begun),
    ]);
    const stop = stopping.closes.closeAll();
    const [timeout, shutdown] = await Promise.all([late.whole(), stopped.whole()]);
    await stop;
    slow.end();
    expect(JSON.parse(timeout)).toMatchObject({ error: { code: "timeout_error" } });
    expect(JSON.parse(shutdown)).toMatchObject({ error: { code: "overloaded" } });
  });

  test("cancels a queued generation, when it hangs up", async () => {
    const api = await startApi();
    const call = new AbortController();
    const answer = await api.generate(request, { ...keptAlive, signal: call.signal });
    const id = answer.headers.get("x-generation-id") ?? "";
    call.abort();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("canceled");
    await expect.poll(() => api.queue.waits.size).toBe(0);
  });
});

describe("what is known before the first blank is due has a status of its own", () => {
  test("images, with what they cost", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, picture));
    const answer = await api.generate({ ...request, model: "dall-e-2" }, keptAlive);
    expect(answer.headers.get("preference-applied")).toBe("keep-alive");
    expect(answer.headers.get("x-generation-cost")).toBe("20000");
    expect(await answer.text()).toMatch(/^\{/);
  });

  test("an error, and a refusal", async () => {
    const api = await startApi();
    await api.work(refused);
    expect((await api.generate(request, keptAlive)).status).toBe(400);
    expect((await api.generate({ ...request, n: 11 }, keptAlive)).status).toBe(400);
  });
});

describe("a key that is to be kept alive", () => {
  test("is, without a word of its caller, until it is changed", async () => {
    const { api, end } = await startSlow(({ store }) => drawing(store, picture));
    const admin = { "content-type": "application/json" };
    const body = JSON.stringify({ tenant: "acme", name: "old-client", keep_alive: true });
    const made = await api.call("/admin/keys", { key: adminKey, method: "POST", headers: admin, body });
    const { id, key, keep_alive } = createdApiKeySchema.parse(await made.json());
    expect(keep_alive).toBe(true);
    const answer = await api.generate(request, { headers: { authorization: `Bearer ${key}` } });
    expect(answer.headers.get("preference-applied")).toBeNull();
    const { first, whole } = await begun(answer);
    expect(first).toBe(" ");
    end();
    expect(imageResponseSchema.parse(JSON.parse(await whole())).data).toHaveLength(1);

    const off = { method: "PATCH", headers: admin, body: JSON.stringify({ keep_alive: false }) };
    const changed = await api.call(`/admin/keys/${id}`, { key: adminKey, ...off });
    expect(await changed.json()).toMatchObject({ keep_alive: false });
  });

  test("has a stream where it asks for one, and a 202 where it prefers that", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, picture));
    const stream = await api.generate({ ...request, stream: true }, keptAlive);
    expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
    await stream.text();
    const accepted = await api.generate(request, { headers: { prefer: "respond-async, keep-alive" } });
    expect(accepted.status).toBe(202);
  });
});
