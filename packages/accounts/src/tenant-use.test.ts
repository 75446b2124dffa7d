import { describe, expect, test } from "vitest";
import { openKeyStore } from "./keys/redis.fixture.ts";
import { createRecountTenantUse } from "./tenant-use.ts";

/** The sums of a tenant, which are due, and what its records say. */
async function openUse(records: { files: number; bytes: number; lines: number }) {
  const { redis, names, store, another } = await openKeyStore();
  const said = { files: 3, bytes: 30, lines: 5 };
  await redis.hset(names.tenantUse("acme"), { ...said, changes: 17 });
  await redis.zadd(names.tenantUseDue, 1, "acme");
  const errors: string[] = [];
  let counts = 0;
  let meanwhile = async () => {};
  const recount = createRecountTenantUse({
    redis,
    names,
    countFiles: async () => {
      counts++;
      await meanwhile();
      return records;
    },
    countLines: async () => new Map([["acme", records.lines]]),
    log: { error: (_, sentence) => void errors.push(sentence) },
  });
  return {
    redis,
    names,
    another,
    recount,
    errors,
    said,
    counts: () => counts,
    whileItCounts: (work: () => Promise<void>) => (meanwhile = work),
    read: () => store.readTenantUse("acme"),
    dueInMs: async () => Number(await redis.zscore(names.tenantUseDue, "acme")) - Date.now(),
  };
}

describe("what a tenant is said to hold", () => {
  test("is corrected by its records, and told to the operator", async () => {
    const right = { files: 2, bytes: 20, lines: 0 };
    const { recount, read, errors, dueInMs } = await openUse(right);
    await recount();
    expect(await read()).toEqual(right);
    expect(errors).toHaveLength(1);
    expect(await dueInMs()).toBeGreaterThan(3_500_000);
  });

  test("stays where it is right, and is counted once an hour by one worker of two", async () => {
    const { recount, read, errors, said, counts } = await openUse({ files: 3, bytes: 30, lines: 5 });
    await Promise.all([recount(), recount()]);
    await recount();
    expect(await read()).toEqual(said);
    expect(errors).toEqual([]);
    expect(counts()).toBe(1);
  });

  test("stays where something changes while it is counted, and is counted again a minute later", async () => {
    const { recount, read, said, whileItCounts, redis, names, dueInMs } = await openUse({
      files: 9,
      bytes: 9,
      lines: 9,
    });
    whileItCounts(async () => void (await redis.hincrby(names.tenantUse("acme"), "changes", 1)));
    await recount();
    expect(await read()).toEqual(said);
    expect(await dueInMs()).toBeLessThan(61_000);
  });

  test("is gone from Redis where it is nothing", async () => {
    const { recount, redis, names } = await openUse({ files: 0, bytes: 0, lines: 0 });
    await recount();
    expect(await redis.exists(names.tenantUse("acme"), names.tenantUseDue)).toBe(0);
  });
});

test("one tenant that cannot be counted does not stop the others of its round", async () => {
  const { redis, names, store } = await openKeyStore();
  for (const [due, tenant] of ["a-damaged", "b-good"].entries()) {
    await redis.hset(names.tenantUse(tenant), { files: 1, bytes: 1, lines: 1, changes: 1 });
    await redis.zadd(names.tenantUseDue, due, tenant);
  }
  const right = { files: 4, bytes: 40 };
  const recount = createRecountTenantUse({
    redis,
    names,
    countFiles: async (tenant) => {
      if (tenant === "a-damaged") throw new Error("WRONGTYPE Operation against a key holding the wrong kind of value");
      return right;
    },
    countLines: async () => new Map(),
    log: { error() {} },
  });
  await expect(recount()).rejects.toThrow("could not be counted");
  expect(await store.readTenantUse("b-good")).toEqual({ ...right, lines: 0 });
});

test("the lines of all tenants of a round are counted in one pass, and each gets its own", async () => {
  const { redis, names, store } = await openKeyStore();
  const right = new Map([
    ["acme", 3],
    ["globex", 7],
    ["idle", 0],
  ]);
  for (const tenant of right.keys()) {
    await redis.hset(names.tenantUse(tenant), { files: 1, bytes: 1, lines: 99, changes: 1 });
    await redis.zadd(names.tenantUseDue, 1, tenant);
  }
  let passes = 0;
  const recount = createRecountTenantUse({
    redis,
    names,
    countFiles: async () => ({ files: 1, bytes: 1 }),
    countLines: async () => {
      passes++;
      return new Map([...right].filter(([, lines]) => lines > 0));
    },
    log: { error() {} },
  });
  await recount();
  for (const [tenant, lines] of right) {
    expect(await store.readTenantUse(tenant)).toEqual({ files: 1, bytes: 1, lines });
  }
  expect(passes).toBe(1);
});
