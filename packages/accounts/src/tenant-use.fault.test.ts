import { fileURLToPath } from "node:url";
import { ownerFaults, startBrokenOwner, startOwner, testRedisUrl } from "@darkroom/testing";
import { expect, test } from "vitest";
import { openKeyStore } from "./keys/redis.fixture.ts";

const program = fileURLToPath(new URL("tenant-use-process.fixture.ts", import.meta.url));
const leaseMs = 1_000;
const tenants = ["a", "b", "c", "d", "e"];
const counted = 2;
const right = { files: 2, bytes: 20, lines: 0 };

test.each(Object.entries(ownerFaults))(
  "an owner of the count of what tenants hold that is %s in the middle of a round is replaced, and all sums are right",
  async (fault, breakDown) => {
    const { redis, prefix, names, store } = await openKeyStore();
    for (const tenant of tenants) {
      await redis.hset(names.tenantUse(tenant), { files: 9, bytes: 90, lines: 9, changes: 1 });
      await redis.zadd(names.tenantUseDue, 1, tenant);
    }
    const redisUrl = testRedisUrl();
    const args = [prefix, `${leaseMs}`];
    const { mend } = await startBrokenOwner({ program, redisUrl, args: [...args, `${counted}`], breakDown });
    const sums = () => Promise.all(tenants.map((tenant) => store.readTenantUse(tenant)));
    const dueInMs = async (tenant: string) => Number(await redis.zscore(names.tenantUseDue, tenant)) - Date.now();
    expect((await sums()).filter(({ files }) => files === right.files)).toHaveLength(counted);
    // What it has taken and not counted is left to it for a minute, which is over.
    for (const tenant of tenants.slice(counted)) {
      expect(await dueInMs(tenant)).toBeLessThan(60_000);
      await redis.zadd(names.tenantUseDue, "XX", 1, tenant);
    }
    startOwner(program, [redisUrl, ...args, "Infinity"]);
    await expect.poll(sums).toEqual(tenants.map(() => right));

    // A tenant gets a file, and the former owner goes on with what it counted before that.
    await redis.hset(names.tenantUse("c"), { files: 3, bytes: 30, changes: 2 });
    await redis.set(`${prefix}:go`, "1");
    mend();
    await expect.poll(async () => fault === "killed" || (await redis.exists(`${prefix}:over`)) === 1).toBe(true);
    const expected = tenants.map((tenant) => (tenant === "c" ? { files: 3, bytes: 30, lines: 0 } : right));
    expect(await sums()).toEqual(expected);
    for (const tenant of tenants) expect(await dueInMs(tenant)).toBeGreaterThan(3_500_000);
  },
);
