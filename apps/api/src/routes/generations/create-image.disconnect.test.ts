import { startStopwatch } from "@darkroom/testing";
import { expect, test, vi } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { heldWork } from "../../generation.fixture.ts";

const request = { prompt: "a cat", model: "dall-e-2" } as const;

/** Sends a request and returns its generation's id as soon as it is submitted, and the way to hang up. */
async function callAndHangUp(api: TestApi, headers: Record<string, string> = {}) {
  const id = api.nextSubmission();
  const call = new AbortController();
  const answer = api.generate(request, { signal: call.signal, headers }).catch(() => "hung up");
  return {
    id: await id,
    hangUp: async () => {
      call.abort();
      expect(await answer).toBe("hung up");
    },
  };
}

test("a caller that disconnects cancels its queued generation", async () => {
  const api = await startApi();
  const { id, hangUp } = await callAndHangUp(api);
  expect((await api.queue.generations.read(id))?.status).toBe("queued");
  await hangUp();
  await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("canceled");
  await expect.poll(() => api.queue.lanes.find("openai.interactive", id)).toBeNull();
  expect(api.queue.waits.size).toBe(0);
});

test("what runs is finished for a caller who leaves", async () => {
  const api = await startApi();
  const begun = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  await api.work(async () => {
    begun.resolve();
    await mayEnd.promise;
    return { kind: "failed", error: { code: "upstream_error", message: "It ran to its end." } };
  });
  const { id, hangUp } = await callAndHangUp(api);
  await begun.promise;
  await hangUp();
  await expect.poll(() => api.queue.waits.size).toBe(0);
  await expect.poll(() => api.disconnects.size).toBe(0);
  expect((await api.queue.generations.read(id))?.status).toBe("running");
  mayEnd.resolve();
  await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("failed");
});

test("a caller who leaves while Redis is away is remembered", async () => {
  const api = await startApi({ behindProxy: true });
  const { id, hangUp } = await callAndHangUp(api);
  api.redisLine.cut();
  await hangUp();
  await expect.poll(() => api.disconnects.size).toBe(1);
  api.redisLine.restore();
  await expect.poll(() => api.disconnects.size).toBe(0);
  expect((await api.queue.generations.read(id))?.status).toBe("canceled");
});

test("a caller who leaves while another joins takes nothing from that one, and neither does a third", async () => {
  const api = await startApi({ behindProxy: true });
  const named = { "idempotency-key": "k" };
  const first = await callAndHangUp(api, named);
  const submit = vi.spyOn(api.queue.generations, "submit");
  const leave = vi.spyOn(api.queue.generations, "leave");
  // The second submission and the departure of the first are on their way to Redis together.
  api.redisLine.blackhole();
  const second = api.generate(request, { headers: named });
  await expect.poll(() => submit.mock.calls.length).toBe(1);
  await first.hangUp();
  await expect.poll(() => leave.mock.calls.length).toBe(1);
  api.redisLine.restore();
  await expect.poll(() => api.disconnects.size).toBe(0);
  await expect.poll(() => api.waitersOf(first.id)).toHaveLength(1);

  const third = await callAndHangUp(api, named);
  await expect.poll(() => api.waitersOf(first.id)).toHaveLength(2);
  await third.hangUp();
  await expect.poll(() => api.waitersOf(first.id)).toHaveLength(1);

  const held = heldWork(api);
  await api.work(held.work);
  await held.begun;
  const sinceMs = startStopwatch();
  held.end();
  const answer = await second;
  expect([answer.status, answer.headers.get("x-generation-id")]).toEqual([200, first.id]);
  // By message, and not by the look at its record that comes every two seconds.
  expect(sinceMs()).toBeLessThan(1_000);
});

test("a caller who leaves does not take the news from those who watch the same generation", async () => {
  const api = await startApi();
  const held = heldWork(api);
  await api.work(held.work);
  const { id, hangUp } = await callAndHangUp(api);
  await held.begun;
  const watch = vi.spyOn(api.queue.generations, "watch");
  const events = await api.call(`/v1/generations/${id}/events`);
  const poll = api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=30" } });
  await expect.poll(() => watch.mock.settledResults.filter(({ type }) => type === "fulfilled")).toHaveLength(2);
  await hangUp();
  await expect.poll(() => api.waitersOf(id)).toHaveLength(0);
  expect(await api.watchersOf(id)).not.toBe("");
  const sinceMs = startStopwatch();
  held.end();
  expect(await events.text()).toContain("event: generation.succeeded");
  expect(await (await poll).json()).toMatchObject({ status: "succeeded" });
  expect(sinceMs()).toBeLessThan(1_000);
});
