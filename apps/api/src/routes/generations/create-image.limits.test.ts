import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork } from "../../generation.fixture.ts";
import { openLimitedKey, outcomeOf } from "../../limited-key.fixture.ts";
import { askAdmin } from "../admin/admin.fixture.ts";

const cancel = async (key: { call: (path: string, init: object) => Promise<Response> }, answer: Response) => {
  const { id } = await generationIn(answer);
  return key.call(`/v1/generations/${id}/cancel`, { method: "POST" });
};

describe("429 rate_limit_exceeded", () => {
  test("for the first request above requests_per_minute, whichever instance it hits", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { limits: { requests_per_minute: 2 } });
    const other = await startApi({ beside: api });
    expect((await ask()).status).toBe(202);
    expect((await ask({}, {}, other)).status).toBe(202);
    const refused = await ask({}, {}, other);
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(await outcomeOf(refused)).toMatchObject({ status: 429, code: "rate_limit_exceeded", shouldRetry: "true" });
    expect(api.queue.waits.size + other.queue.waits.size, "no call waits for what was refused").toBe(0);
  });

  test("for more images than are left, while fewer are still taken", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { limits: { images_per_minute: 5 } });
    expect((await ask({ n: 3 })).status).toBe(202);
    const refused = await ask({ n: 3 });
    expect(refused.headers.get("x-ratelimit-remaining-images")).toBe("2");
    expect(await outcomeOf(refused)).toMatchObject({
      code: "rate_limit_exceeded",
      message: expect.stringMatching(/ask for 5 a minute, 2 of them are left, and this request asks for 3\./),
    });
    expect((await ask({ n: 2 })).status).toBe(202);
  });

  test("for more images than a whole minute has, which no waiting mends", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { limits: { images_per_minute: 3 } });
    const refused = await outcomeOf(await ask({ n: 4 }));
    expect(refused).toEqual({
      status: 429,
      code: "rate_limit_exceeded",
      message: "This request asks for 4 images, and this API key may ask for 3 a minute. Ask for fewer at a time.",
      shouldRetry: "false",
      retryAfter: null,
    });
    expect((await ask({ n: 3 })).status).toBe(202);
  });

  test("with a Retry-After after which the request is taken", async () => {
    const api = await startApi();
    const { ask, id } = await openLimitedKey(api, { limits: { requests_per_minute: 1 } });
    expect((await ask()).status).toBe(202);
    // As if it had been 58.5 seconds ago: the times of the window's entries, see rate-limit.lua.
    const window = `${api.prefix}:account-window:${id}`;
    const [ground = "", entry = ""] = await api.redis.lrange(window, 0, -1);
    await api.redis.lset(
      window,
      1,
      entry.replace(/^\d+/, (ms) => String(Number(ms) - 58_500)),
    );
    expect(ground).toBe("0 0 0");
    const { retryAfter } = await outcomeOf(await ask());
    expect(["1", "2"]).toContain(retryAfter);
    await setTimeout(Number(retryAfter) * 1_000);
    expect((await ask()).status).toBe(202);
  });
});

describe("429 concurrency_limit_exceeded", () => {
  test("for one above concurrent_generations, until one has ended", async () => {
    const api = await startApi();
    const key = await openLimitedKey(api, { limits: { concurrent_generations: 2 } });
    const first = await key.ask();
    await key.ask();
    expect(await outcomeOf(await key.ask())).toMatchObject({
      status: 429,
      code: "concurrency_limit_exceeded",
      shouldRetry: "true",
      retryAfter: "2",
    });
    await cancel(key, first);
    expect((await key.ask()).status).toBe(202);
  });
});

describe("429 queue_full", () => {
  test("for one above queued_generations, until one has begun", async () => {
    const api = await startApi();
    const key = await openLimitedKey(api, { limits: { queued_generations: 1 } });
    await key.ask();
    expect(await outcomeOf(await key.ask())).toMatchObject({
      status: 429,
      code: "queue_full",
      shouldRetry: "true",
      retryAfter: "2",
    });
    const held = heldWork(api);
    await api.work(held.work);
    await held.begun;
    expect((await key.ask()).status).toBe(202);
    held.end();
  });
});

describe("a request that finds an earlier one takes nothing", () => {
  const limits = { requests_per_minute: 1, images_per_minute: 1, concurrent_generations: 1, queued_generations: 1 };

  test("by its idempotency key", async () => {
    const api = await startApi();
    const { ask } = await openLimitedKey(api, { limits, budget: { total: 20_000 } });
    const again = { "idempotency-key": "k" };
    const first = await ask({}, again);
    const replay = await ask({}, again);
    expect([first.status, replay.status]).toEqual([202, 202]);
    expect(replay.headers.get("x-generation-id")).toBe(first.headers.get("x-generation-id"));
    expect(replay.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect((await ask({ prompt: "another cat" }, again)).status).toBe(422);
    expect((await ask({}, { "idempotency-key": "l" })).status).toBe(429);
    // What was refused has not taken the name.
    expect((await ask({ prompt: "another cat" }, { "idempotency-key": "l" })).status).toBe(429);
  });

  test("because the caller of the earlier one was put off", async () => {
    const api = await startApi({ syncTimeoutMs: 1_000 });
    const { ask } = await openLimitedKey(api, { limits, budget: { total: 20_000 } });
    const first = await ask({}, { prefer: "" });
    const again = await ask();
    expect([first.status, again.status]).toEqual([504, 202]);
    expect(again.headers.get("x-generation-id")).toBe(first.headers.get("x-generation-id"));
    // Its caller knows the id now, and comes back for it by that.
    expect((await ask()).status).toBe(429);
  });
});

test("what is wrong with a request comes before its limits, and takes nothing of them", async () => {
  const api = await startApi();
  const { ask } = await openLimitedKey(api, { limits: { requests_per_minute: 1 } });
  expect((await ask({ size: "3x3" })).status).toBe(400);
  expect((await ask()).status).toBe(202);
  expect((await ask({ size: "3x3" })).status).toBe(400);
});

describe("a retry of a generation that its key may no longer have", () => {
  const canceled = async (api: TestApi, request: object) => {
    const key = await openLimitedKey(api, {});
    const answer = await key.ask(request);
    await cancel(key, answer);
    return {
      restrict: (body: object) => askAdmin(api, "PATCH", `/admin/keys/${key.id}`, body),
      retry: () => key.call(`/v1/generations/${answer.headers.get("x-generation-id")}/retry`, { method: "POST" }),
    };
  };

  test("429 for more images than a minute has", async () => {
    const { restrict, retry } = await canceled(await startApi(), { n: 4 });
    await restrict({ limits: { images_per_minute: 3 } });
    expect(await outcomeOf(await retry())).toMatchObject({
      status: 429,
      code: "rate_limit_exceeded",
      shouldRetry: "false",
    });
  });

  test("403 for what was accepted without a price, before the key had a budget", async () => {
    const svg = { model: "gpt-image-2.6-flare", size: "1024x1024", output_format: "svg" };
    const { restrict, retry } = await canceled(await startApi(), svg);
    await restrict({ budget: { month: 50_000_000 } });
    expect(await outcomeOf(await retry())).toMatchObject({
      status: 403,
      code: "model_unpriced",
      message: expect.stringContaining("was accepted without a price. Send it as a new request."),
    });
  });
});

test("a retry of a generation by its id is charged again, to the key that it was made with", async () => {
  const api = await startApi();
  const key = await openLimitedKey(api, { limits: { requests_per_minute: 2, concurrent_generations: 1 } });
  const first = await key.ask();
  const id = first.headers.get("x-generation-id");
  // Any key of the tenant may ask for it, one without limits, too.
  const retry = () => api.call(`/v1/generations/${id}/retry`, { method: "POST" });
  await cancel(key, first);
  expect((await retry()).status).toBe(202);
  await key.call(`/v1/generations/${id}/cancel`, { method: "POST" });
  expect(await outcomeOf(await retry())).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
  const shown = await generationIn(await key.call(`/v1/generations/${id}`));
  expect(shown.status, "it is as it was").toBe("canceled");
});
