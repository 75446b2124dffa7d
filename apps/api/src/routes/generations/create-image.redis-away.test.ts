import { startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const request = { prompt: "a cat", model: "dall-e-2" } as const;

async function expectRefusal(api: TestApi): Promise<void> {
  const sinceMs = startStopwatch();
  const answer = await api.generate(request);
  expect(sinceMs()).toBeLessThan(3_000);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("x-should-retry")).toBe("true");
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(answer.headers.has("x-generation-id")).toBe(false);
  expect(await answer.json()).toEqual({
    error: {
      message: "The queue cannot be reached at the moment. Send the request again.",
      type: "server_error",
      param: null,
      code: "overloaded",
    },
  });
}

describe.each(["cut", "blackhole"] as const)("Redis behind a line that is broken: %s", (break_) => {
  test("503 at once, and 200 again when it is back", async () => {
    const api = await startApi({ behindProxy: true });
    await api.work(drawing(api.store, Buffer.from("image")));
    expect((await api.generate(request)).status).toBe(200);
    api.redisLine[break_]();
    await expectRefusal(api);
    api.redisLine.restore();
    await expect.poll(async () => (await api.generate(request)).status).toBe(200);
  });
});

test("a caller who was told 503 buys nothing, though the request had reached Redis", async () => {
  const api = await startApi({ behindProxy: true });
  // So that its script is known to Redis and what is held on the line is the submission itself.
  const first = api.nextSubmission();
  const call = new AbortController();
  const gone = api.generate(request, { signal: call.signal }).catch(() => {});
  await first;
  call.abort();
  await gone;

  const id = api.nextSubmission();
  api.redisLine.blackhole();
  await expectRefusal(api);
  api.redisLine.restore();
  await expect.poll(() => api.disconnects.size).toBe(0);
  const record = await api.queue.generations.read(await id);
  expect(record?.status ?? "never written").toMatch(/^(canceled|never written)$/);
  let calls = 0;
  await api.work(async () => {
    calls++;
    return { kind: "failed", error: { code: "upstream_error", message: "It was bought." } };
  });
  expect((await api.generate(request)).status).toBe(502);
  expect(calls).toBe(1);
});

test("callers who wait get their answers across an outage", async () => {
  const api = await startApi({ behindProxy: true, syncTimeoutMs: 18_000 });
  const waiting = Array.from({ length: 20 }, () => api.generate(request));
  await expect.poll(async () => (await api.queue.lanes.depth("openai.interactive")).waiting).toBe(20);
  api.redisLine.cut();
  // The worker has a line of its own: everything ends while this api hears nothing of it.
  await api.work(drawing(api.store, Buffer.from("image")));
  await expect.poll(() => api.endings()).toBe(20);
  api.redisLine.restore();
  const answers = await Promise.all(waiting);
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
});

test("503 with time to wait while Redis is nearly full", async () => {
  const api = await startApi({ full: true });
  const answer = await api.generate(request);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("x-should-retry")).toBe("true");
  expect(answer.headers.get("retry-after")).toBe("5");
  const message = "The memory of the queue is full (90 %). Send this request again later.";
  expect(await answer.json()).toMatchObject({ error: { code: "overloaded", message } });
});
