import { once } from "node:events";
import { connect } from "node:net";
import { temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { adminKey, apiKey, links, otherApiKey, startApi, type TestApi } from "./api.fixture.ts";
import { generationIn, request } from "./generation.fixture.ts";

/** One metric of an api, by tenant, as an operator scrapes it. */
async function sharesOf(api: TestApi, name: string): Promise<Record<string, number>> {
  const text = await (await api.call("/metrics", { key: adminKey })).text();
  const series = [...text.matchAll(/^darkroom_tenant_(\w+)\{tenant="(.+)"\} (\d+)$/gm)];
  return Object.fromEntries(
    series.filter(([, one]) => one === name).map(([, , tenant, value]) => [tenant, Number(value)]),
  );
}

test("lines that tenants hold are told until they end", async () => {
  const api = await startApi();
  const hold = async (key: string, count: number) => {
    const headers = { authorization: `Bearer ${key}` };
    const { id } = await generationIn(
      await api.generate(request, { headers: { ...headers, prefer: "respond-async" } }),
    );
    return Promise.all(Array.from({ length: count }, () => api.call(`/v1/generations/${id}/events`, { key })));
  };
  const [mine, others] = await Promise.all([hold(apiKey, 3), hold(otherApiKey, 2)]);
  expect(await sharesOf(api, "held_lines")).toEqual({ acme: 3, other: 2 });
  for (const stream of [...mine.slice(1), ...others]) await stream.body?.cancel();
  await expect.poll(() => sharesOf(api, "held_lines")).toEqual({ acme: 1 });
});

test("lists are told while they have a place, and what was read for them for a minute", async () => {
  const api = await startApi();
  await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }));
  expect((await api.call("/v1/generations")).status).toBe(200);
  await expect.poll(async () => (await sharesOf(api, "read_bytes_last_minute"))["acme"]).toBeGreaterThan(300);
  expect(Object.keys(await sharesOf(api, "read_bytes_last_minute"))).toEqual(["acme"]);
  await expect.poll(() => sharesOf(api, "reads")).toEqual({});
});

test("bytes are told while an answer is still under way, and those of a link without a tenant", async () => {
  const bytes = 16_000_000;
  const api = await startApi({ storage: { storage: "filesystem", directory: await temporaryFolder(), links } });
  await api.store.put("acme/gen_1/0.png", Buffer.alloc(bytes, "x"), { contentType: "image/png" });
  const { pathname, search } = new URL(await api.store.link("acme/gen_1/0.png", { expiresInSeconds: 60 }));
  const reader = connect(Number(new URL(api.baseUrl).port), "127.0.0.1").pause();
  onTestFinished(() => void reader.destroy());
  await once(reader, "connect");
  reader.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const sentOf = async (tenant: string) => (await sharesOf(api, "sent_bytes_last_minute"))[tenant] ?? 0;
  await expect.poll(() => sentOf("(none)")).toBeGreaterThan(60_000);
  expect(await sentOf("(none)")).toBeLessThan(bytes);
  reader.on("data", () => {}).resume();
  await expect.poll(() => sentOf("(none)"), { timeout: 5_000 }).toBeGreaterThan(bytes);
  expect(await sentOf("(none)")).toBeLessThan(bytes + 5_000);

  const { length } = await (await api.call("/v1/models")).arrayBuffer().then((body) => Buffer.from(body));
  await expect.poll(() => sentOf("acme")).toBeGreaterThan(length);
});

test("what generations take of Redis is told, and while Redis is away the other shares are", async () => {
  const api = await startApi({ behindProxy: true });
  await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }));
  api.redisLine.cut();
  await expect.poll(async () => Object.keys(await sharesOf(api, "sent_bytes_last_minute"))).toContain("acme");
  expect(await sharesOf(api, "redis_bytes")).toEqual({});
  api.redisLine.restore();
  await expect.poll(async () => (await sharesOf(api, "redis_bytes"))["acme"]).toBeGreaterThan(2_000);
});
