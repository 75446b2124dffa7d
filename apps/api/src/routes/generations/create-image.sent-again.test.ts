import { promises } from "node:dns";
import type { Outcome } from "@darkroom/generations";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startApi, type StartApiOptions, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { openLimitedKey } from "../../limited-key.fixture.ts";
import { drawing } from "../../worker.fixture.ts";
import { makeKey, askAdmin } from "../admin/admin.fixture.ts";

const idOf = (answer: Response) => answer.headers.get("x-generation-id") ?? "";
const isReplay = (answer: Response) => answer.headers.get("idempotent-replayed") === "true";
const retryCount = (count: number) => ({ headers: { "x-stainless-retry-count": String(count) } });

/** An ending for which the provider may charge, though it brought no image. */
const brokenUpstream = {
  kind: "failed",
  error: { code: "upstream_error", message: "The provider sent something that is no image." },
} as const satisfies Outcome;

/** A service with a worker that waits for a sign before it draws. */
async function startHeld(options: StartApiOptions & { outcome?: Outcome } = {}) {
  const { outcome, ...rest } = options;
  const api = await startApi(rest);
  const held = heldWork(api, outcome);
  await api.work(held.work);
  return { api, held };
}

/** Sends a request and hangs up once a worker has begun it. Returns the generation's id when the queue knows that its caller has left. */
async function cutOff(api: TestApi, begun: Promise<void>, headers: Record<string, string> = {}): Promise<string> {
  const submitted = api.nextSubmission();
  const call = new AbortController();
  const gone = api.generate(request, { headers, signal: call.signal }).catch(() => "gone");
  const id = await submitted;
  await begun;
  call.abort();
  expect(await gone).toBe("gone");
  await expect.poll(() => api.queue.waits.size).toBe(0);
  await expect.poll(() => api.disconnects.size).toBe(0);
  return id;
}

describe("a request equal to one whose caller was cut off while it waited", () => {
  test.each([
    ["says nothing of retries", {}],
    ["calls itself a first try", { "x-stainless-retry-count": "0" }],
    ["calls itself a retry", { "x-stainless-retry-count": "1" }],
  ])("takes its generation over when it %s: one purchase, once", async (_, headers) => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    const second = api.generate(request, { headers });
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    held.end();
    const answer = await second;
    expect([answer.status, idOf(answer), isReplay(answer)]).toEqual([200, id, true]);
    expect(held.calls()).toBe(1);
    const third = await api.generate(request, { headers });
    expect([third.status, isReplay(third)]).toEqual([200, false]);
    expect(held.calls()).toBe(2);
  });

  test("takes it over when it has ended meanwhile", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    held.end();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    expect(idOf(await api.generate(request))).toBe(id);
    expect(idOf(await api.generate(request))).not.toBe(id);
  });

  test("takes it over again where it is cut off, too", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    expect(await cutOff(api, held.begun)).not.toBe(id);
    held.end();
    expect(idOf(await api.generate(request))).toBe(id);
    expect(held.calls()).toBe(1);
  });

  test("does not where another has taken it over and waits", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    const second = api.generate(request);
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    const third = api.generate(request);
    await expect.poll(() => held.calls()).toBe(2);
    held.end();
    expect(idOf(await second)).toBe(id);
    expect(idOf(await third)).not.toBe(id);
  });

  test("does not where its owner has read the image by its id", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    held.end();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    expect((await generationIn(await api.call(`/v1/generations/${id}`))).status).toBe("succeeded");
    expect(idOf(await api.generate(request))).not.toBe(id);
  });

  test("does where its owner has only asked for the head of it by its id", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    held.end();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    for (const query of ["", "?response_format=b64_json"])
      expect((await api.call(`/v1/generations/${id}${query}`, { method: "HEAD" })).status).toBe(200);
    expect(idOf(await api.generate(request))).toBe(id);
  });

  test("does not with an idempotency key of its own, or where it asks for a new generation", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun);
    held.end();
    expect(idOf(await api.generate(request, { headers: { "idempotency-key": "new" } }))).not.toBe(id);
    expect(idOf(await api.generate(request, { headers: { "cache-control": "no-cache" } }))).not.toBe(id);
    expect(idOf(await api.generate(request))).toBe(id);
  });

  test("does not take over what has an idempotency key", async () => {
    const { api, held } = await startHeld();
    const id = await cutOff(api, held.begun, { "idempotency-key": "k" });
    held.end();
    expect(idOf(await api.generate(request))).not.toBe(id);
    expect(idOf(await api.generate(request, { headers: { "idempotency-key": "k" } }))).toBe(id);
  });

  test("is told of a shutdown that its generation goes on, and finds it elsewhere", async () => {
    const { api, held } = await startHeld();
    const beside = await startApi({ beside: api });
    const first = api.generate(request);
    await held.begun;
    api.drain.dismiss();
    const dismissed = await first;
    expect([dismissed.status, dismissed.headers.get("x-should-retry")]).toEqual([503, "true"]);
    const second = beside.generate(request);
    await expect.poll(() => api.waitersOf(idOf(dismissed))).toHaveLength(1);
    held.end();
    expect([idOf(await second), held.calls()]).toEqual([idOf(dismissed), 1]);
  });

  test("is told the same where it asks for a new generation, which no other request is given that does not wait for it", async () => {
    const { api, held } = await startHeld();
    const beside = await startApi({ beside: api });
    const anew = { headers: { "cache-control": "no-cache" } };
    const first = api.generate(request, anew);
    await held.begun;
    api.drain.dismiss();
    const dismissed = await first;
    expect([dismissed.status, dismissed.headers.get("x-should-retry")]).toEqual([503, "true"]);
    expect(dismissed.headers.get("retry-after")).toBe("1");
    const again = beside.generate(request, anew);
    await expect.poll(() => api.waitersOf(idOf(dismissed))).toHaveLength(1);
    const another = beside.generate(request, anew);
    await expect.poll(() => held.calls()).toBe(2);
    held.end();
    expect(idOf(await again)).toBe(idOf(dismissed));
    expect(idOf(await another)).not.toBe(idOf(dismissed));
    expect(held.calls()).toBe(2);
  });

  test("is answered with its events where it asks for a stream", async () => {
    const { api, held } = await startHeld();
    const streamed = { ...request, model: "gpt-image-1", stream: true };
    const submitted = api.nextSubmission();
    const first = await api.post(streamed);
    const id = await submitted;
    await held.begun;
    await first.body?.cancel();
    await expect.poll(() => api.queue.waits.size).toBe(0);
    held.end();
    const second = await api.post(streamed);
    expect(await second.text()).toContain("image_generation.completed");
    expect(idOf(second)).toBe(id);
    const third = await api.post(streamed);
    await third.text();
    expect(idOf(third)).not.toBe(id);
  });
});

describe("two equal requests are two intents", () => {
  test("while both wait, whatever the second says of retries", async () => {
    const { api, held } = await startHeld();
    const calls = [api.generate(request)];
    await held.begun;
    calls.push(api.generate(request), api.generate(request, retryCount(1)));
    await expect.poll(() => held.calls()).toBe(3);
    held.end();
    expect(new Set((await Promise.all(calls)).map(idOf)).size).toBe(3);
  });

  test("where the first was answered, whatever the second says of retries", async () => {
    const { api, held } = await startHeld();
    held.end();
    const first = await api.generate(request, retryCount(0));
    await first.text();
    const second = await api.generate(request, retryCount(1));
    expect([second.status, isReplay(second)]).toEqual([200, false]);
    expect(idOf(second)).not.toBe(idOf(first));
  });

  test("where the first was told its id", async () => {
    const { api } = await startHeld();
    const first = await api.generate(request, { headers: { prefer: "respond-async" } });
    const second = await api.generate(request, { headers: { prefer: "respond-async", ...retryCount(1).headers } });
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(idOf(second)).not.toBe(idOf(first));
  });
});

test("the retry of a first try that a limit refused is not given the image of an earlier request", async () => {
  const { api, held } = await startHeld();
  held.end();
  const { ask } = await openLimitedKey(api, { limits: { requests_per_minute: 1 } });
  const inLine = (count: number) => ask({}, { prefer: "", "x-stainless-retry-count": String(count) });
  expect((await inLine(0)).status).toBe(200);
  expect((await inLine(0)).status).toBe(429);
  expect((await inLine(1)).status).toBe(429);
});

describe("a request that comes after a 504", () => {
  test("waits for the same generation, and is given its image once", async () => {
    const { api, held } = await startHeld({ syncTimeoutMs: 1_000 });
    const first = await api.generate(request);
    expect(first.status).toBe(504);
    const second = api.generate(request);
    await expect.poll(() => api.waitersOf(idOf(first))).toHaveLength(1);
    held.end();
    const answer = await second;
    expect([answer.status, idOf(answer), held.calls()]).toEqual([200, idOf(first), 1]);
    expect(idOf(await api.generate(request))).not.toBe(idOf(first));
  });
});

describe("a request that comes after an error for which the provider may charge", () => {
  test("is given the same error for five minutes, and buys nothing", async () => {
    const { api, held } = await startHeld({ outcome: brokenUpstream });
    held.end();
    const first = await api.generate(request);
    const more = [await api.generate(request), await api.generate(request, retryCount(1)), await api.generate(request)];
    expect(more.map(({ status }) => status)).toEqual([502, 502, 502]);
    expect(more.map(idOf)).toEqual([idOf(first), idOf(first), idOf(first)]);
    expect(more.map(isReplay)).toEqual([true, true, true]);
    expect(held.calls()).toBe(1);
  });

  test.each([
    ["Cache-Control: no-cache", { "cache-control": "max-age=0, No-Cache" }],
    ["a new idempotency key", { "idempotency-key": "anew" }],
  ])("buys again with %s", async (_, headers) => {
    const { api, held } = await startHeld({ outcome: brokenUpstream });
    held.end();
    const first = await api.generate(request);
    const second = await api.generate(request, { headers });
    expect([idOf(second) === idOf(first), held.calls()]).toEqual([false, 2]);
  });

  test("asks the provider again where it surely charged nothing", async () => {
    const { api, held } = await startHeld({ outcome: { ...brokenUpstream, nothingCharged: true } });
    held.end();
    await api.generate(request);
    await api.generate(request);
    expect(held.calls()).toBe(2);
  });
});

describe("an answer that is there is given before the request is checked again", () => {
  const named = { "idempotency-key": "k", prefer: "" };

  test.each([
    ["the limit was lowered", { limits: { images_per_minute: 2 } }],
    ["the model was withdrawn from the key", { models: ["dall-e-3"] }],
    ["the key was given a budget", { budget: { total: 1 } }],
  ])("when %s", async (_, change) => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const { key, id } = await makeKey(api, {});
    const ask = () => api.post({ ...request, n: 4 }, { headers: { authorization: `Bearer ${key}`, ...named } });
    const first = await ask();
    expect(first.status).toBe(200);
    expect((await askAdmin(api, "PATCH", `/admin/keys/${id}`, change)).status).toBe(200);
    const again = await ask();
    expect([again.status, idOf(again)]).toEqual([200, idOf(first)]);
  });

  test.each(["full", "draining"])("when it is %s", async (state) => {
    const options: StartApiOptions = {};
    const api = await startApi(options);
    await api.work(drawing(api.store, imageBytes));
    const first = await api.generate(request, { headers: named });
    if (state === "full") options.full = true;
    else api.drain.begin();
    const again = await api.generate(request, { headers: named });
    expect([again.status, idOf(again)]).toEqual([200, idOf(first)]);
    const other = await api.generate({ ...request, prompt: "a dog" }, { headers: named });
    expect(other.status).toBe(422);
    expect((await api.generate(request)).status).toBe(503);
  });

  test("when the name of its webhook's host cannot be looked up", async () => {
    const signingSecret = "a secret of thirty-two characters";
    const api = await startApi({ webhooks: { signingSecret, allowPrivate: false } });
    await api.work(drawing(api.store, imageBytes));
    const told = { ...request, job: { webhook: "https://hooks.example/darkroom" } };
    const resolve4 = vi.spyOn(promises.Resolver.prototype, "resolve4").mockResolvedValue(["93.184.216.34"]);
    const resolve6 = vi.spyOn(promises.Resolver.prototype, "resolve6").mockResolvedValue([]);
    onTestFinished(() => {
      resolve4.mockRestore();
      resolve6.mockRestore();
    });
    const first = await api.generate(told, { headers: named });
    expect(first.status).toBe(200);
    resolve4.mockRejectedValue(new Error("No name server answers"));
    resolve6.mockRejectedValue(new Error("No name server answers"));
    expect((await api.generate(told)).status).toBe(400);
    const again = await api.generate(told, { headers: named });
    expect([again.status, idOf(again)]).toEqual([200, idOf(first)]);
  });

  test("also where nothing but the body says which it is", async () => {
    const options: StartApiOptions = {};
    const api = await startApi(options);
    const held = heldWork(api);
    await api.work(held.work);
    const id = await cutOff(api, held.begun);
    held.end();
    await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
    options.full = true;
    expect(idOf(await api.generate(request))).toBe(id);
    expect((await api.generate(request)).status).toBe(503);
  });
});
