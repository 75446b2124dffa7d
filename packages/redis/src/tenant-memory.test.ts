import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { connectProducer, untilConnected } from "./redis-connections.ts";
import { createTenantMemory } from "./tenant-memory.ts";

async function openMemory() {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const redis = connectProducer(server.url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  let nowMs = 0;
  const read = createTenantMemory({ redis, name: "tenants", freshForMs: 1_000, now: () => nowMs });
  return { redis, read, pass: (ms: number) => void (nowMs += ms) };
}

test("the memory of 5,000 tenants is read whole, in steps, and no more often than it changes much", async () => {
  const { redis, read, pass } = await openMemory();
  await redis.hset("tenants", Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`t${index}`, index])));
  const [first, second] = await Promise.all([read(), read()]);
  expect(first.size).toBe(5_000);
  expect(first.get("t4999")).toBe(4_999);
  expect(second).toBe(first);
  await redis.hset("tenants", "t0", 7);
  pass(999);
  expect((await read()).get("t0")).toBe(0);
  pass(1);
  expect((await read()).get("t0")).toBe(7);
});

test("a reading that failed is tried again at once", async () => {
  const { redis, read } = await openMemory();
  await redis.set("tenants", "of another type");
  await expect(read()).rejects.toThrow("WRONGTYPE");
  await redis.del("tenants");
  expect((await read()).size).toBe(0);
});
