import { expect, test } from "vitest";
import { adminKey, startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const lane = "openai.interactive";
const cancel = (api: TestApi, id: string, init: Parameters<TestApi["call"]>[1] = {}) =>
  api.call(`/v1/generations/${id}/cancel`, { method: "POST", ...init });

const submit = async (api: TestApi) =>
  (await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }))).id;

test("200 for a queued one, which leaves its lane", async () => {
  const api = await startApi();
  const id = await submit(api);
  const answer = await cancel(api, id);
  expect(answer.status).toBe(200);
  const canceled = await generationIn(answer);
  expect(canceled).toMatchObject({ id, status: "canceled", queue: null, response: null, error: { code: "conflict" } });
  expect(canceled.completed_at).not.toBeNull();
  expect(await api.queue.lanes.find(lane, id)).toBeNull();
});

test("200 for a running one, whose outcome is void", async () => {
  const api = await startApi();
  const held = heldWork(api);
  await api.work(held.work);
  const id = await submit(api);
  await held.begun;
  expect((await cancel(api, id)).status).toBe(200);
  held.end();
  await expect.poll(() => api.queue.lanes.find(lane, id)).toBeNull();
  const shown = await generationIn(await api.call(`/v1/generations/${id}`));
  expect(shown).toMatchObject({ status: "canceled", response: null });
});

test("what the provider may charge for one that ran is not billed, but counted, and left open for the admin", async () => {
  const api = await startApi();
  const held = heldWork(api);
  const queued = await submit(api);
  await cancel(api, queued);
  await api.work(held.work);
  const id = await submit(api);
  await held.begun;
  expect((await generationIn(await cancel(api, id))).cost).toBe(0);
  held.end();
  const { total } = await (await api.call("/v1/usage", { key: adminKey })).json();
  expect(total).toMatchObject({ generations: { canceled: 2 }, cost: 0, provider_cost: 0, provider_cost_unknown: 1 });
  const metrics = await api.metrics.render();
  expect(metrics).toContain('darkroom_unbilled_generations_total{model="dall-e-2"} 1\n');
  expect(metrics).toMatch(/darkroom_unbilled_generations_by_key_total\{tenant="acme",key_id="[\w:]+"\} 1\n/);
  expect(total).toMatchObject({ unbilled: 20_000 });
});

test("what ran is billed where the service says so, and then it is not counted as unbilled", async () => {
  const api = await startApi({ billUndelivered: "reserved" });
  const held = heldWork(api);
  await api.work(held.work);
  const id = await submit(api);
  await held.begun;
  expect((await generationIn(await cancel(api, id))).cost).toBe(20_000);
  held.end();
  const { total } = await (await api.call("/v1/usage")).json();
  expect(total).toMatchObject({ generations: { canceled: 1 }, images: 0, cost: 20_000 });
  expect(await api.metrics.render()).not.toMatch(/darkroom_unbilled_generations_total\{/);
});

test("who waits for it on the line is told", async () => {
  const api = await startApi();
  const submitted = api.nextSubmission();
  const waiting = api.generate(request);
  const id = await submitted;
  expect((await cancel(api, id)).status).toBe(200);
  const answer = await waiting;
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({ error: { code: "conflict" } });
});

test.each(["succeeded", "canceled"])("409 for one that %s", async (status) => {
  const api = await startApi();
  const id = await submit(api);
  if (status === "canceled") await cancel(api, id);
  else await api.work(drawing(api.store, imageBytes));
  await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe(status);
  const answer = await cancel(api, id);
  expect(answer.status).toBe(409);
  const { error } = await answer.json();
  expect(error).toMatchObject({ code: "conflict", message: expect.stringContaining(status) });
});

test("an empty body that says JSON is no body", async () => {
  const api = await startApi();
  const id = await submit(api);
  const headers = { "content-type": "application/json" };
  expect((await cancel(api, id, { headers, body: "" })).status).toBe(200);
});
