import { startRedis } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";

const drop = async (api: TestApi, tenant: string, body?: object) => {
  const answer = await askAdmin(api, "POST", `/admin/tenants/${tenant}/drop-ended`, body);
  return { status: answer.status, body: await answer.json() };
};

/** Generations of a tenant that were canceled, longer ago than a generation is left alone. */
async function withEnded(count: number, options: Parameters<typeof startApi>[0] = {}) {
  const api = await startApi(options);
  const { key } = await makeKey(api, { tenant: "large" });
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const headers = { authorization: `Bearer ${key}`, prefer: "respond-async" };
    const answer = await api.post({ model: "gpt-image-2", prompt: `${i}` }, { headers });
    ids.push(answer.headers.get("x-generation-id") ?? "");
  }
  const [queued = "", ...ended] = ids;
  for (const id of ended) {
    await api.call(`/v1/generations/${id}/cancel`, { key, method: "POST" });
    await api.redis.hincrby(api.keys.record(id), "endedAt", -120_000);
  }
  const due = async () => api.redis.zrangebyscore(api.keys.retained, "-inf", Date.now());
  return { api, key, queued, ended, due };
}

describe("POST /admin/tenants/{id}/drop-ended", () => {
  test("ends the retention of what has ended, and of nothing else, once", async () => {
    const { api, queued, ended, due } = await withEnded(4);
    const other = await api.post({ model: "gpt-image-2", prompt: "x" }, { headers: { prefer: "respond-async" } });
    const otherId = other.headers.get("x-generation-id") ?? "";
    await api.call(`/v1/generations/${otherId}/cancel`, { method: "POST" });
    await api.redis.hincrby(api.keys.record(otherId), "endedAt", -120_000);

    const first = await drop(api, "large");
    expect(first).toEqual({
      status: 200,
      body: { object: "generations.dropped", tenant: "large", dropped: 3, next: null },
    });
    expect((await due()).toSorted()).toEqual(ended.toSorted());
    expect(await api.redis.hget(api.keys.record(queued), "status")).toBe("queued");
    expect((await drop(api, "large")).body).toMatchObject({ dropped: 0, next: null });
  });

  test("goes on in pages", async () => {
    const { api, ended, due } = await withEnded(6);
    let dropped = 0;
    let from: number | null = 0;
    for (let pages = 0; from !== null; pages++) {
      expect(pages).toBeLessThan(10);
      const { body } = await drop(api, "large", { from, limit: 2 });
      dropped += body.dropped;
      from = body.next;
    }
    expect(dropped).toBe(5);
    expect((await due()).toSorted()).toEqual(ended.toSorted());
  });

  test("leaves alone what has ended in this moment", async () => {
    const { api, ended, due } = await withEnded(2);
    await api.redis.hincrby(api.keys.record(ended[0] ?? ""), "endedAt", 120_000);
    expect((await drop(api, "large")).body).toMatchObject({ dropped: 0 });
    expect(await due()).toEqual([]);
  });

  test("makes room in a Redis at its memory limit", async () => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const { api, due } = await withEnded(2, { redisUrl: server.url });
    await api.redis.config("SET", "maxmemory", 1);
    const { status } = await drop(api, "large").finally(() => api.redis.config("SET", "maxmemory", 0));
    expect(status).toBe(200);
    expect(await due()).toHaveLength(1);
  });

  test("is 400 for a page that is too large, and 403 for an API key", async () => {
    const { api, key } = await withEnded(1);
    expect((await drop(api, "large", { limit: 1_001 })).status).toBe(400);
    expect((await api.call("/admin/tenants/large/drop-ended", { key, method: "POST" })).status).toBe(403);
  });
});
