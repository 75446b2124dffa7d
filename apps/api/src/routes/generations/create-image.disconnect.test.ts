import { expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";

/** Sends a request and returns its generation's id as soon as it is submitted, and the way to hang up. */
async function callAndHangUp(api: TestApi) {
  const id = api.nextSubmission();
  const call = new AbortController();
  const answer = api.generate({ prompt: "a cat", model: "dall-e-2" }, { signal: call.signal }).catch(() => "hung up");
  return {
    id: await id,
    hangUp: async () => {
      call.abort();
      expect(await answer).toBe("hung up");
    },
  };
}

test("a caller who leaves cancels what nobody has begun", async () => {
  const api = await startApi();
  const { id, hangUp } = await callAndHangUp(api);
  expect((await api.queue.store.read(id))?.status).toBe("queued");
  await hangUp();
  await expect.poll(async () => (await api.queue.store.read(id))?.status).toBe("canceled");
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
  await expect.poll(() => api.departures.size).toBe(0);
  expect((await api.queue.store.read(id))?.status).toBe("running");
  mayEnd.resolve();
  await expect.poll(async () => (await api.queue.store.read(id))?.status).toBe("failed");
});

test("a caller who leaves while Redis is away is remembered", async () => {
  const api = await startApi({ behindProxy: true });
  const { id, hangUp } = await callAndHangUp(api);
  api.redisLine.cut();
  await hangUp();
  await expect.poll(() => api.departures.size).toBe(1);
  api.redisLine.restore();
  await expect.poll(() => api.departures.size, { timeout: 5_000 }).toBe(0);
  expect((await api.queue.store.read(id))?.status).toBe("canceled");
});
