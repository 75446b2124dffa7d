import { imageResponseSchema } from "@darkroom/contracts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startApi, type TestApi } from "../api.fixture.ts";
import { generationIn, heldWork, imageBytes, inlineRequest, request } from "../generation.fixture.ts";
import { drawing } from "../worker.fixture.ts";

const prefer = (preference: string) => ({ headers: { prefer: preference } });

/** A generation that an asynchronous call was told of. */
async function accept(api: TestApi, preference = "respond-async") {
  const answer = await api.generate(request, prefer(preference));
  expect(answer.status).toBe(202);
  return { answer, generation: await generationIn(answer) };
}

describe("Prefer: respond-async", () => {
  test("202 with the generation, and where and when to ask for it", async () => {
    const api = await startApi();
    const { answer, generation } = await accept(api);
    expect(generation).toMatchObject({
      status: "queued",
      model: "dall-e-2",
      queue: { position: 1, estimated_start_at: null },
      attempts: 0,
      request,
      response: null,
      error: null,
    });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      location: `/v1/generations/${generation.id}`,
      "x-generation-id": generation.id,
      "retry-after": "2",
      "preference-applied": "respond-async",
      vary: "Prefer",
      "cache-control": "no-store",
    });
    expect(api.queue.waits.size).toBe(0);
  });

  test.each([
    ["https://images.example.com", ""],
    ["https://example.com/darkroom/", "/darkroom"],
  ])("behind %s, the place to read it begins with '%s'", async (publicBaseUrl, path) => {
    const { answer, generation } = await accept(await startApi({ publicBaseUrl }));
    expect(answer.headers.get("location")).toBe(`${path}/v1/generations/${generation.id}`);
  });

  test("its place in line counts those before it", async () => {
    const api = await startApi();
    const positions: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) positions.push((await accept(api)).generation.queue?.position);
    expect(positions).toEqual([1, 2, 3]);
  });

  test("when to ask again is told by the clock of Redis, whatever that of this process says", async () => {
    const api = await startApi();
    const { redis, keys } = api;
    // The lane begins twelve a minute, so that the second in line begins in ten seconds.
    const span = Math.floor(Date.now() / 10_000);
    for (let i = -7; i < 3; i++) await redis.set(`${keys.starts("openai.interactive")}${span + i}`, 2, "PX", 60_000);
    await accept(api);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 90_000 });
    onTestFinished(() => void vi.useRealTimers());
    const { answer, generation } = await accept(api);
    expect(generation.queue?.position).toBe(2);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(9);
    expect(Number(answer.headers.get("retry-after"))).toBeLessThanOrEqual(12);
  });

  test("no other caller's disconnect cancels it", async () => {
    const api = await startApi();
    const headers = { "idempotency-key": "k" };
    const asked = await api.generate(request, { headers: { ...headers, prefer: "respond-async" } });
    const { id } = await generationIn(asked);
    const call = new AbortController();
    const joined = api.nextSubmission();
    const gone = api.generate(request, { headers, signal: call.signal }).catch(() => "gone");
    await joined;
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    call.abort();
    expect(await gone).toBe("gone");
    await expect.poll(() => api.queue.waits.size).toBe(0);
    await expect.poll(() => api.disconnects.size).toBe(0);
    expect((await api.queue.generations.read(id))?.status).toBe("queued");
  });

  test("202 with its id when it was accepted and cannot be read", async () => {
    const api = await startApi();
    vi.spyOn(api.queue.generations, "read").mockRejectedValueOnce(new Error("Redis is away"));
    const asked = { ...request, job: { metadata: { a: "b" } } };
    const answer = await api.generate(asked, prefer("respond-async"));
    expect(answer.status).toBe(202);
    const generation = await generationIn(answer);
    expect(answer.headers.get("x-generation-id")).toBe(generation.id);
    expect(generation).toEqual(await generationIn(await api.call(`/v1/generations/${generation.id}`)));
  });

  test("202 with its id when its place in line cannot be told", async () => {
    const api = await startApi();
    vi.spyOn(api.queue, "findPosition").mockRejectedValueOnce(new Error("Redis is away"));
    expect((await accept(api)).generation).toMatchObject({ status: "queued", queue: null });
  });
});

describe("Prefer: respond-async, wait", () => {
  test("200 with the images when they are there in time", async () => {
    const api = await startApi();
    await api.work(drawing(api.store, imageBytes));
    const answer = await api.generate(inlineRequest, prefer("respond-async, wait=10"));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("preference-applied")).toBe("wait=10");
    const body: unknown = await answer.json();
    expect(imageResponseSchema.parse(body).data[0]?.b64_json).toBe(imageBytes.toString("base64"));
  });

  test("the error when it failed in time", async () => {
    const api = await startApi();
    await api.work(async () => ({ kind: "failed", error: { code: "upstream_error", message: "It broke." } }));
    const answer = await api.generate(request, prefer("respond-async, wait=10"));
    expect(answer.status).toBe(502);
  });

  test("202 when they are not", async () => {
    const api = await startApi();
    const { answer, generation } = await accept(api, "respond-async, wait=1");
    expect(generation.status).toBe("queued");
    expect(answer.headers.get("preference-applied")).toBe("respond-async, wait=1");
    expect(api.queue.waits.size).toBe(0);
  });

  test("the wait is no longer than that of any caller", async () => {
    const api = await startApi({ syncTimeoutMs: 1_000 });
    const { answer } = await accept(api, "respond-async, wait=99999999999999999999");
    expect(answer.headers.get("preference-applied")).toBe("respond-async, wait=1");
  });

  test("who hangs up meanwhile cancels nothing", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const call = new AbortController();
    const gone = api
      .generate(request, { ...prefer("respond-async, wait=10"), signal: call.signal })
      .catch(() => "gone");
    const id = await submitted;
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    call.abort();
    expect(await gone).toBe("gone");
    await expect.poll(() => api.queue.waits.size).toBe(0);
    expect((await api.queue.generations.read(id))?.status).toBe("queued");
  });

  test("202 for those who wait when the process stops", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const waiting = api.generate(request, prefer("respond-async, wait=10"));
    const id = await submitted;
    await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
    api.drain.dismiss();
    expect((await waiting).status).toBe(202);
  });
});

test.each([["wait=1"], ["return=minimal"], ["handling=strict"]])(
  "without respond-async never a 202: %s",
  async (preference) => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const answer = api.generate(request, prefer(preference));
    await held.begun;
    held.end();
    expect((await answer).status).toBe(200);
    expect((await answer).headers.get("vary")).toBe("Prefer");
  },
);
