import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { apiKey, startApi } from "../api.fixture.ts";
import { makeKey } from "../routes/admin/admin.fixture.ts";

test("429 that names the tenant to the one whose generations fill Redis, while the others are served", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const api = await startApi({ redisUrl: server.url });
  const { key: small } = await makeKey(api, { tenant: "small" });
  const submit = (prompt: string, key = apiKey) =>
    api.post(
      { model: "gpt-image-2", prompt },
      { headers: { authorization: `Bearer ${key}`, prefer: "respond-async" } },
    );
  expect((await submit("a cat", small)).status).toBe(202);
  for (let i = 0; i < 20; i++) expect((await submit(`${i} ${"漢".repeat(31_000)}`)).status).toBe(202);
  const used = Number(/^used_memory:(\d+)/m.exec(await api.redis.info("memory"))?.[1]);
  await api.redis.config("SET", "maxmemory", Math.round(used / 0.76));
  await api.queue.memoryGuard.tick();

  const refused = await submit("one more");
  expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("x-should-retry")]).toEqual([
    429,
    "30",
    "true",
  ]);
  const { error } = await refused.json();
  expect(error).toMatchObject({ code: "rate_limit_exceeded", type: "rate_limit_exceeded" });
  expect(error.message).toContain("the generations of the tenant acme take the largest part of it (2 MB)");
  expect((await submit("a dog", small)).status).toBe(202);
  await api.redis.config("SET", "maxmemory", 0);
});
