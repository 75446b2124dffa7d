import { describe, expect, test, vi } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const retry = (api: TestApi, id: string) => api.call(`/v1/generations/${id}/retry`, { method: "POST" });
const cancel = (api: TestApi, id: string) => api.call(`/v1/generations/${id}/cancel`, { method: "POST" });
const ended = async (api: TestApi, id: string) =>
  generationIn(await api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=10" } }));

const submit = async (api: TestApi) =>
  (await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }))).id;

test("202 for a failed one, which is begun again under its id", async () => {
  const api = await startApi();
  const draw = drawing(api.store, imageBytes);
  let calls = 0;
  await api.work(async (attempt) =>
    ++calls === 1 ? { kind: "failed", error: { code: "upstream_error", message: "It broke." } } : draw(attempt),
  );
  const id = await submit(api);
  expect((await ended(api, id)).status).toBe("failed");
  const answer = await retry(api, id);
  expect(answer.status).toBe(202);
  expect(answer.headers.get("location")).toBe(`/v1/generations/${id}`);
  const shown = await ended(api, id);
  expect(shown).toMatchObject({ status: "succeeded", attempts: 2, error: null });
});

test("202 for a canceled one, which is back in line", async () => {
  const api = await startApi();
  const id = await submit(api);
  await cancel(api, id);
  const queued = await generationIn(await retry(api, id));
  expect(queued).toMatchObject({ id, status: "queued", queue: { position: 1 }, completed_at: null, error: null });
  expect(await api.queue.lanes.find("openai.interactive", id)).toBe("waiting");
});

test("202 for one that was queued again and cannot be read", async () => {
  const api = await startApi();
  const id = await submit(api);
  await cancel(api, id);
  const read = vi.spyOn(api.queue.generations, "read");
  const asked = await api.queue.generations.read(id);
  read.mockResolvedValueOnce(asked).mockRejectedValueOnce(new Error("Redis is away"));
  const answer = await retry(api, id);
  expect(answer.status).toBe(202);
  const shown = await generationIn(await api.call(`/v1/generations/${id}`));
  expect(await generationIn(answer)).toEqual(shown);
});

test("one whose canceled attempt is still held is put on its lane later", async () => {
  const api = await startApi();
  const held = heldWork(api);
  await api.work(held.work);
  const id = await submit(api);
  await held.begun;
  await cancel(api, id);
  expect((await retry(api, id)).status).toBe(202);
  held.end();
  await expect.poll(() => api.queue.lanes.find("openai.interactive", id)).toBeNull();
  await api.tidy();
  expect(await ended(api, id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("202 though its lane could not be reached: recovery puts it there", async () => {
  const api = await startApi();
  const id = await submit(api);
  await cancel(api, id);
  vi.spyOn(api.queue.lanes, "add").mockRejectedValueOnce(new Error("Redis is away"));
  expect((await retry(api, id)).status).toBe(202);
  await api.tidy();
  expect(await api.queue.lanes.find("openai.interactive", id)).toBe("waiting");
});

test("a caller that waits for it may disconnect: it goes on", async () => {
  const api = await startApi();
  const headers = { "idempotency-key": "k" };
  const { id } = await generationIn(await api.generate(request, { headers: { ...headers, prefer: "respond-async" } }));
  await cancel(api, id);
  await retry(api, id);
  const call = new AbortController();
  const gone = api.generate(request, { headers, signal: call.signal }).catch(() => "gone");
  await expect.poll(() => api.waitersOf(id)).toHaveLength(1);
  call.abort();
  expect(await gone).toBe("gone");
  await expect.poll(() => api.queue.waits.size).toBe(0);
  await expect.poll(() => api.disconnects.size).toBe(0);
  expect((await api.queue.generations.read(id))?.status).toBe("queued");
});

describe("409", () => {
  test("for one that waits, and one that succeeded", async () => {
    const api = await startApi();
    const id = await submit(api);
    expect((await retry(api, id)).status).toBe(409);
    await api.work(drawing(api.store, imageBytes));
    await ended(api, id);
    const answer = await retry(api, id);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ error: { code: "conflict" } });
  });
});

test("503 while Redis is nearly full", async () => {
  const api = await startApi({ full: true });
  const beside = await startApi({ beside: api });
  const id = await submit(beside);
  await cancel(beside, id);
  expect((await retry(api, id)).status).toBe(503);
});
