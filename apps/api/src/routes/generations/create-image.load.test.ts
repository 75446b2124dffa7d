import { expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { request } from "../../generation.fixture.ts";

const refused = { error: { code: "overloaded", message: expect.stringContaining("handling too many requests") } };

/** A service that has room for two requests, and two callers who wait for their images. Returns how to let them go. */
async function withTwoWaiting() {
  const api = await startApi({ maxHeldRequests: 2 });
  const leaving = new AbortController();
  const waiting: Promise<unknown>[] = [];
  const ids: string[] = [];
  for (let i = 0; i < 2; i++) {
    const submitted = api.nextSubmission();
    waiting.push(api.generate(request, { signal: leaving.signal }).catch(() => "gone"));
    ids.push(await submitted);
  }
  const leave = async () => {
    leaving.abort();
    await Promise.all(waiting);
  };
  return { api, id: ids[0] ?? "", leave };
}

const generations = async ({ redis, keys }: TestApi) => redis.zcard(keys.index("acme"));

test.each([{}, { stream: true }])(
  "503 for one more than there is room for, before it is accepted: %j",
  async (more) => {
    const { api, leave } = await withTwoWaiting();
    const answer = await api.post({ ...request, ...more });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([503, "true"]);
    expect(answer.headers.get("retry-after")).toMatch(/^[1-5]$/);
    expect(await answer.json()).toMatchObject(refused);
    expect(await generations(api)).toBe(2);

    await leave();
    const accepted = async () => (await api.generate(request, { headers: { prefer: "respond-async" } })).status;
    await expect.poll(accepted).toBe(202);
  },
);

test("503 before the body is read", async () => {
  const { api } = await withTwoWaiting();
  expect((await api.post("no JSON")).status).toBe(503);
});

test("a caller who would wait for a generation is shown it at once, and told when to ask again", async () => {
  const { api, id } = await withTwoWaiting();
  const answer = await api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=30" } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("preference-applied")).toBeNull();
  expect(answer.headers.get("retry-after")).not.toBeNull();
});

test("503 for a stream of events, and all else goes on", async () => {
  const { api, id } = await withTwoWaiting();
  const events = await api.call(`/v1/generations/${id}/events`);
  expect([events.status, await events.json()]).toEqual([
    503,
    expect.objectContaining({ error: expect.objectContaining(refused.error) }),
  ]);
  expect((await api.call("/v1/models")).status).toBe(200);
  expect((await api.call(`/v1/generations/${id}/cancel`, { method: "POST" })).status).toBe(200);
});
