import { startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { adminKey, startApi, type TestApi } from "../api.fixture.ts";
import { generationIn, imageBytes, request } from "../generation.fixture.ts";
import { openLimitedKey, outcomeOf } from "../limited-key.fixture.ts";
import { askAdmin } from "../routes/admin/admin.fixture.ts";
import { drawing } from "../worker.fixture.ts";

/** A key with these limits, a generation of its own that no worker takes, and the ways to hold a request open. */
async function openHolder(api: TestApi, limits: object = {}, name = "holder") {
  const limited = await openLimitedKey(api, { limits, name });
  const { id } = await generationIn(await limited.ask());
  const headers = { authorization: `Bearer ${limited.key}` };
  const hold = {
    "an event stream": () => limited.call(`/v1/generations/${id}/events`),
    "a long poll": () => limited.call(`/v1/generations/${id}`, { headers: { prefer: "wait=30" } }),
    "a waiting call": () => api.generate(request, { headers }),
    "a stream of images": () => api.generate({ ...request, stream: true }, { headers }),
    "a call that is kept alive": () => api.generate(request, { headers: { ...headers, prefer: "keep-alive" } }),
    "a call that waits for a while": () =>
      api.generate(request, { headers: { ...headers, prefer: "respond-async, wait=9" } }),
  };
  return { ...limited, generationId: id, hold };
}

type Kind = keyof Awaited<ReturnType<typeof openHolder>>["hold"];
const kinds: Kind[] = [
  "an event stream",
  "a long poll",
  "a waiting call",
  "a stream of images",
  "a call that is kept alive",
  "a call that waits for a while",
];

describe("429", () => {
  test.each(kinds)("for one more held request than the key may have: %s", async (kind) => {
    const api = await startApi();
    const { hold } = await openHolder(api, { held_requests: 2 });
    const streams = [await hold["an event stream"](), await hold["an event stream"]()];
    expect(await outcomeOf(await hold[kind]())).toEqual({
      status: 429,
      code: "concurrency_limit_exceeded",
      message: expect.stringMatching(/^This API key may have 2 requests held open .*held_requests/),
      shouldRetry: "true",
      retryAfter: "2",
    });
    // A place is free when the process has seen that its caller has gone.
    await streams[0]?.body?.cancel();
    await expect.poll(async () => (await hold["an event stream"]()).status).toBe(200);
  });

  test.each(kinds)("beside what holds the only place: %s", async (kind) => {
    const api = await startApi();
    const { hold } = await openHolder(api, { held_requests: 1 });
    const held = hold[kind]();
    await expect
      .poll(async () => {
        const answer = await hold["an event stream"]();
        await answer.body?.cancel();
        return answer.status;
      })
      .toBe(429);
    await Promise.all([held, api.work(drawing(api.store, imageBytes))]);
  });

  test("by the limit of the installation where the key has none, and for that key only", async () => {
    const api = await startApi({ maxHeldRequestsPerKey: 3 });
    const { hold } = await openHolder(api);
    for (let i = 0; i < 3; i++) expect((await hold["an event stream"]()).status).toBe(200);
    expect((await hold["an event stream"]()).status).toBe(429);
    const other = await openHolder(api, {}, "other");
    expect((await other.hold["an event stream"]()).status).toBe(200);
    const allowedMore = await openHolder(api, { held_requests: 4 }, "more");
    for (let i = 0; i < 4; i++) expect((await allowedMore.hold["an event stream"]()).status).toBe(200);
  });

  test("not for an answer that waits for nothing", async () => {
    const api = await startApi();
    const { hold, call, generationId } = await openHolder(api, { held_requests: 1 });
    await hold["an event stream"]();
    expect((await call(`/v1/generations/${generationId}`)).status).toBe(200);
    expect((await call("/v1/models")).status).toBe(200);
  });
});

describe("a held request ends within a second when its key", () => {
  const ends: [string, (api: TestApi, id: string) => Promise<Response>][] = [
    ["is deleted", (api, id) => askAdmin(api, "DELETE", `/admin/keys/${id}`)],
    ["is disabled", (api, id) => askAdmin(api, "PATCH", `/admin/keys/${id}`, { status: "disabled" })],
    ["is rotated", (api, id) => askAdmin(api, "POST", `/admin/keys/${id}/rotate`, { grace_seconds: 0 })],
  ];
  const refused = { type: "authentication_error", code: "invalid_api_key", param: null };

  test.each(ends)("%s", async (_, end) => {
    const api = await startApi();
    const { id, hold, generationId } = await openHolder(api);
    const events = await hold["an event stream"]();
    const images = await hold["a stream of images"]();
    const plain: Promise<Response>[] = [];
    for (const kind of ["a waiting call", "a call that is kept alive", "a call that waits for a while"] as const) {
      const submitted = api.nextSubmission();
      plain.push(hold[kind]());
      await submitted;
    }
    const poll = hold["a long poll"]();
    await expect.poll(() => api.watchersOf(generationId)).not.toBe("");
    expect((await end(api, id)).ok).toBe(true);
    const sinceMs = startStopwatch();

    for (const stream of [events, images]) {
      const [event = "", data = ""] = (await stream.text()).trimEnd().split("\n").slice(-2);
      expect(event).toBe("event: error");
      expect(JSON.parse(data.replace("data: ", ""))).toMatchObject({ error: refused });
    }
    for (const answer of await Promise.all([...plain, poll])) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(await answer.json()).toMatchObject({ error: refused });
    }
    expect(sinceMs()).toBeLessThan(1_000);
    // What it had queued is there still: the key may have been disabled by mistake.
    const { status } = await generationIn(await api.call(`/v1/generations/${generationId}`));
    expect(status).toBe("queued");
  });

  test("and goes on when the key is only changed", async () => {
    const api = await startApi();
    const { id, key, hold } = await openHolder(api);
    const submitted = api.nextSubmission();
    const waiting = hold["a waiting call"]();
    await submitted;
    await askAdmin(api, "PATCH", `/admin/keys/${id}`, { limits: { held_requests: 7 }, name: "renamed" });
    expect((await api.call("/v1/models", { key })).status).toBe(200);
    expect((await api.call("/admin/keys", { key: adminKey })).status).toBe(200);
    await api.work(drawing(api.store, imageBytes));
    expect((await waiting).status).toBe(200);
  });
});
