import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createFullnessCheck, createMemoryGuard } from "./memory-guard.ts";
import { connectProducer, untilConnected } from "./redis-connections.ts";

/** A guard that looks when it is told to, and a Redis of its own that is as full as a test wants it. */
async function openGuard() {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const redis = connectProducer(server.url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  const warnings: object[] = [];
  const log = { warn: (fields: object) => void warnings.push(fields) };
  const guard = createMemoryGuard({ redis, tenantMemory: "tenants", log, everyMs: 3_600_000 });
  onTestFinished(() => guard.close());
  return {
    redis,
    guard,
    warnings,
    fill: async (share: number) => {
      const used = Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
      await redis.config("SET", "maxmemory", share === 0 ? 0 : Math.round(used / share));
      await guard.tick();
    },
  };
}

test("nobody is refused below the limit, or without one", async () => {
  const { redis, guard, fill } = await openGuard();
  await redis.hset("tenants", { large: 90_000_000 });
  await fill(0.6);
  expect(guard.refusalOf("large")).toBeNull();
  await fill(0);
  expect(guard.refusalOf("large")).toBeNull();
});

test("above it, the tenants are refused that take the average or more, and no other", async () => {
  const { redis, guard, warnings, fill } = await openGuard();
  await redis.hset("tenants", { large: 90_000_000, small: 1_000, smaller: 10 });
  await fill(0.75);
  expect(guard.refusalOf("large")).toEqual({ kind: "tenant", share: expect.closeTo(0.75, 1), bytes: 90_000_000 });
  expect(["small", "smaller", "new"].map((tenant) => guard.refusalOf(tenant))).toEqual([null, null, null]);
  const tenants = [
    { tenant: "large", bytes: 90_000_000 },
    { tenant: "small", bytes: 1_000 },
    { tenant: "smaller", bytes: 10 },
  ];
  await guard.tick();
  expect(warnings).toEqual([{ usedMemoryShare: expect.closeTo(0.75, 1), tenants }]);
});

test("a tenant that is alone is refused above the limit, and so are equal ones", async () => {
  const { redis, guard, fill } = await openGuard();
  await redis.hset("tenants", { one: 5 });
  await fill(0.75);
  expect(guard.refusalOf("one")).toMatchObject({ kind: "tenant" });
  await redis.hset("tenants", { two: 5 });
  await fill(0.75);
  expect(["one", "two"].map((tenant) => guard.refusalOf(tenant)?.kind)).toEqual(["tenant", "tenant"]);
});

test("all are refused when it is fuller, and where no tenant fills it", async () => {
  const { redis, guard, fill } = await openGuard();
  await fill(0.75);
  expect(guard.refusalOf("new")).toMatchObject({ kind: "all" });
  await redis.hset("tenants", { large: 90_000_000, small: 1_000 });
  await fill(0.9);
  expect(["large", "small", "new"].map((tenant) => guard.refusalOf(tenant)?.kind)).toEqual(["all", "all", "all"]);
});

test("whether Redis is full is asked when there is work, once for all that is asked in a while", async () => {
  const { redis, fill } = await openGuard();
  await fill(0.9);
  const infos = async () => Number(/^cmdstat_info:calls=(\d+)/m.exec(await redis.info("commandstats"))?.[1]);
  const isFull = createFullnessCheck({ redis, freshMs: 3_600_000 });
  const before = await infos();
  expect(await Promise.all([isFull(), isFull(), isFull()])).toEqual([true, true, true]);
  expect(await isFull()).toBe(true);
  // One of them is that of the count itself.
  expect((await infos()) - before).toBe(2);

  const always = createFullnessCheck({ redis, freshMs: 0 });
  expect(await always()).toBe(true);
  redis.disconnect();
  // What was last known stands.
  expect(await always()).toBe(true);
});
