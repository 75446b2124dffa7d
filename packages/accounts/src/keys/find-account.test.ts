import { randomBytes } from "node:crypto";
import { noBudget, noLimits } from "@darkroom/contracts";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createRedisKeys } from "../redis-keys.ts";
import { createFindAccount } from "./find-account.ts";
import { createKeyStore } from "./key-store.ts";

test("a key in force is found with what it may do, and one that is disabled, expired or deleted is not", async () => {
  const redis = connectWorker(testRedisUrl(), () => {});
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  onTestFinished(async () => {
    await redis.del(await redis.keys(`${prefix}:*`));
    redis.disconnect();
  });
  const keys = createKeyStore(redis, createRedisKeys(prefix));
  const clock = { nowMs: 1_000 };
  const findAccount = createFindAccount(keys, async () => clock.nowMs);
  const budget = { ...noBudget, day: 5 };
  const made = await keys.create({
    tenant: "acme",
    name: "a",
    models: ["m"],
    limits: noLimits,
    budget,
    expiresAtMs: 2_000,
  });
  if (made === "taken") throw new Error("taken");
  const { keyId } = made.record;

  expect(await findAccount(keyId)).toMatchObject({ models: ["m"], budget });
  await keys.update(keyId, { status: "disabled" });
  expect(await findAccount(keyId)).toBeNull();
  await keys.update(keyId, { status: "active" });
  clock.nowMs = 2_000;
  expect(await findAccount(keyId)).toBeNull();
  await keys.remove(keyId);
  clock.nowMs = 1_000;
  expect(await findAccount(keyId)).toBeNull();
  expect(await findAccount("key_of_api_keys")).toEqual({ models: null, limits: noLimits, budget: noBudget });
});
