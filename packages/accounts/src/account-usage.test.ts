import { redisTime } from "@darkroom/redis";
import { expect, test } from "vitest";
import { noBudget } from "@darkroom/contracts";
import { readAccountUsage, unspentOf } from "./account-usage.ts";
import { openKeyStore } from "./keys/redis.fixture.ts";

const dayMs = 86_400_000;

test("an account that has done nothing has used nothing", async () => {
  const { redis, names } = await openKeyStore();
  const nothing = { active: 0, queued: 0, reserved: 0, spent: { day: 0, month: 0, total: 0 } };
  expect(await readAccountUsage(redis, names, "key_1")).toEqual(nothing);
});

test.each([
  ["today is spent today", 0, 5],
  ["tomorrow, by a clock that was set back over midnight, is spent today, as an admission counts it", 1, 5],
  ["yesterday is over", -1, 0],
  ["days ahead, by a clock that was wrong, counts for nothing", 9, 0],
])("what was spent %s", async (_what, days, spent) => {
  const { redis, names } = await openKeyStore();
  const day = new Date((await redisTime(redis)) + days * dayMs).toISOString().slice(0, 10);
  const most = 1_000_000_000_000_000;
  await redis.hset(names.account("key_1"), { active: 3, queued: 2, reserved: 7, total: most, day, daySpent: 5 });
  expect(await readAccountUsage(redis, names, "key_1")).toEqual({
    active: 3,
    queued: 2,
    reserved: 7,
    spent: { day: spent, month: 0, total: most },
  });
});

const usage = { active: 1, queued: 0, reserved: 10, spent: { day: 20, month: 50, total: 70 } };

test.each([
  ["none without a budget", noBudget, null],
  ["of a day, less what is spent today, whatever is reserved", { ...noBudget, day: 100 }, 80],
  ["of the tightest of several", { day: 100, month: 90, total: 1_000 }, 40],
  ["nothing, and never less, where it was lowered below what is spent", { ...noBudget, total: 5 }, 0],
])("what is not spent is %s", (_what, budget, unspent) => {
  expect(unspentOf(budget, usage)).toBe(unspent);
});
