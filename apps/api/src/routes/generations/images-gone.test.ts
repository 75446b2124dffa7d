import { errorBodySchema, type ImageRequest } from "@darkroom/contracts";
import { StorageError } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, imageBytes, inlineRequest, request } from "../../generation.fixture.ts";
import { readEvents } from "../../wait-modes/read-events.fixture.ts";
import { imageMicros, openLimitedKey, outcomeOf } from "../../limited-key.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const named = { "idempotency-key": "order-17" };

/** A generation of three images that was answered, the second of which is not in the store any more. */
async function withGone(body: ImageRequest = inlineRequest, options: Parameters<typeof startApi>[0] = {}) {
  const api = await startApi(options);
  await api.work(drawing(api.store, imageBytes));
  const asked = { ...body, n: 3 };
  const answer = await api.generate(asked, { headers: named });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  const id = answer.headers.get("x-generation-id") ?? "";
  const lose = () => api.store.delete([`acme/${id}/1.png`]);
  await lose();
  return { api, id, lose, again: () => api.generate(asked, { headers: named }) };
}

/** Has a generation have ended so long ago that its images may have left the store. */
const age = (api: TestApi, id: string) => api.redis.hset(api.keys.record(id), "endedAt", Date.now() - 61_000);

/** What an answer says of an error. */
async function told(answer: Response) {
  const { error } = errorBodySchema.parse(await answer.json());
  return { status: answer.status, shouldRetry: answer.headers.get("x-should-retry"), ...error };
}
const gone = (id: string) => ({
  status: 410,
  shouldRetry: "false",
  code: "images_gone",
  message: expect.stringContaining(`/v1/generations/${id}/retry`),
});

const retry = (api: TestApi, id: string) => api.call(`/v1/generations/${id}/retry`, { method: "POST" });

describe("410, when an image is gone from the store, for", () => {
  test("an idempotent replay with base64", async () => {
    const { id, again } = await withGone();
    expect(await told(await again())).toMatchObject(gone(id));
  });

  test("an idempotent replay with links", async () => {
    const { api, id, again } = await withGone(request);
    await age(api, id);
    expect(await told(await again())).toMatchObject(gone(id));
  });

  test("a read with base64", async () => {
    const { api, id } = await withGone();
    expect(await told(await api.call(`/v1/generations/${id}?response_format=b64_json`))).toMatchObject(gone(id));
  });

  test("an image that was cut short in the store, in every way to read it", async () => {
    const { api, id, again } = await withGone();
    await api.store.put(`acme/${id}/1.png`, imageBytes.subarray(1), { contentType: "image/png" });
    expect(await told(await again())).toMatchObject(gone(id));
    expect(await told(await api.call(`/v1/generations/${id}?response_format=b64_json`))).toMatchObject(gone(id));
    expect((await retry(api, id)).status).toBe(202);
  });

  test("a stream, as an event", async () => {
    const { id, again } = await withGone({ ...request, stream: true });
    const events = await readEvents(await again());
    expect(events.at(-1)).toMatchObject({ event: "error", data: { error: { code: "images_gone" } } });
    expect(JSON.stringify(events)).toContain(id);
  });
});

test("links are given where the store cannot tell whether the images are there", async () => {
  const head = () => Promise.reject(new StorageError({ operation: "head", retryable: true, advice: "Away." }));
  const { api, id, again } = await withGone(request, { objects: (store) => ({ ...store, head }) });
  await age(api, id);
  expect((await again()).status).toBe(200);
});

test("a retry buys all images again, under its id and as a new request would cost, and replays have them", async () => {
  const { api, id, again } = await withGone();
  const before = await generationIn(await api.call(`/v1/generations/${id}`));
  const answer = await retry(api, id);
  expect(answer.status).toBe(202);
  const made = await generationIn(await api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=10" } }));
  expect(made).toMatchObject({ status: "succeeded", attempts: 2, cost: before.cost });
  expect((await again()).status).toBe(200);
});

test("a retry takes what was delivered before out of the record, and remembers which images are left", async () => {
  const { api, id } = await withGone();
  await retry(api, id);
  const { superseded } = (await api.queue.generations.read(id)) ?? {};
  expect(superseded).toMatchObject([{ images: [{}, {}, {}] }]);
});

test("a retry asks of the budget of the key what a new request asks", async () => {
  const api = await startApi();
  await api.work(drawing(api.store, imageBytes));
  const { ask, call } = await openLimitedKey(api, { budget: { total: 2 * imageMicros - 1 } });
  const { id } = await generationIn(await ask());
  await call(`/v1/generations/${id}`, { headers: { prefer: "wait=10" } });
  await api.store.delete([`acme/${id}/0.png`]);
  const retried = await call(`/v1/generations/${id}/retry`, { method: "POST" });
  expect(await outcomeOf(retried)).toMatchObject({ status: 429, code: "insufficient_quota" });
});

test("409 for a retry while the images are there, and 503 while the store cannot tell", async () => {
  let away = false;
  const api = await startApi({
    objects: (store) => ({
      ...store,
      head: (key) =>
        away
          ? Promise.reject(new StorageError({ operation: "head", retryable: true, advice: "Away." }))
          : store.head(key),
    }),
  });
  await api.work(drawing(api.store, imageBytes));
  const id = (await api.generate(request)).headers.get("x-generation-id") ?? "";
  const there = await retry(api, id);
  expect(there.status).toBe(409);
  away = true;
  expect((await retry(api, id)).status).toBe(503);
});
