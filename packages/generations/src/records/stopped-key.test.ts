import { createAccounts } from "@darkroom/accounts";
import { ledgerEntrySchema, noBudget, noLimits } from "@darkroom/contracts";
import { redisTime } from "@darkroom/redis";
import { describe, expect, test } from "vitest";
import { free, openQueue } from "../queue.fixture.ts";

const lane = "sandbox.interactive";

/** A queue with a key, for which one generation is queued. */
async function openKey({ expiresInMs = null }: { expiresInMs?: number | null } = {}) {
  const queue = await openQueue();
  const { names, keyStore: keys } = createAccounts({ redis: queue.redis, prefix: queue.prefix });
  const expiresAtMs = expiresInMs === null ? null : (await redisTime(queue.redis)) + expiresInMs;
  const settings = { models: null, limits: noLimits, budget: noBudget, expiresAtMs };
  const made = await keys.create({ tenant: "acme", name: "shop", ...settings });
  if (made === "taken") throw new Error("The name is taken");
  const { keyId } = made.record;
  const submission = queue.submission({ keyId, admission: { ...free, worstCaseMicros: 500 } });
  await queue.generations.submit(submission);
  return {
    ...queue,
    ...submission,
    apiKeys: keys,
    /** What the key has under way. */
    account: () => queue.redis.hmget(names.account(keyId), "active", "queued", "reserved", "total"),
    async ledger() {
      const [day = ""] = await queue.redis.smembers(`${queue.keys.root}ledger-days`);
      const lines = await queue.redis.lrange(`${queue.keys.root}ledger:${day}`, 0, -1);
      return lines.map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
    },
  };
}

describe("what is queued is not begun, ends as canceled and costs nothing once its key", () => {
  test("is disabled", async () => {
    const opened = await openKey();
    const { apiKeys, keyId, id, attempts, generations, account } = opened;
    await apiKeys.update(keyId, { status: "disabled" });
    expect(await attempts.start(id, lane)).toBe("stopped");
    expect(await generations.read(id)).toMatchObject({ status: "canceled", stopped: true, attempts: 0, costMicros: 0 });
    expect(await account()).toEqual(["0", "0", "0", "0"]);
    expect(await opened.ledger()).toMatchObject([{ generation: id, status: "canceled", images: 0, cost: 0 }]);
    expect(await attempts.start(id, lane)).toBe("stopped");
    expect(await opened.ledger()).toHaveLength(1);
    await opened.expectNothingButRecords();
  });

  test("is deleted", async () => {
    const { apiKeys, keyId, id, attempts, generations, account } = await openKey();
    await apiKeys.remove(keyId);
    expect(await attempts.start(id, lane)).toBe("stopped");
    expect(await generations.read(id)).toMatchObject({ status: "canceled", stopped: true });
    expect(await account()).toEqual(["0", "0", "0", "0"]);
  });

  test("has expired, by the clock of Redis", async () => {
    const { id, attempts, generations, redis } = await openKey({ expiresInMs: 1 });
    const expiredAtMs = (await redisTime(redis)) + 1;
    await expect.poll(() => redisTime(redis)).toBeGreaterThanOrEqual(expiredAtMs);
    expect(await attempts.start(id, lane)).toBe("stopped");
    expect(await generations.read(id)).toMatchObject({ status: "canceled", stopped: true });
  });
});

describe("what is queued is begun while its key", () => {
  test("is enabled again", async () => {
    const { apiKeys, keyId, id, attempts } = await openKey({ expiresInMs: 60_000 });
    await apiKeys.update(keyId, { status: "disabled" });
    await apiKeys.update(keyId, { status: "active" });
    expect(await attempts.start(id, lane)).toMatchObject({ status: "running" });
  });

  test("was rotated, and the old secret is over", async () => {
    const { apiKeys, keyId, id, attempts } = await openKey();
    await apiKeys.rotate(keyId, 0);
    expect(await attempts.start(id, lane)).toMatchObject({ status: "running" });
  });
});

test("what was begun goes on after a crash and after a failure, though its key is stopped", async () => {
  const { apiKeys, keyId, id, attempts } = await openKey();
  await attempts.start(id, lane);
  await apiKeys.update(keyId, { status: "disabled" });
  expect(await attempts.start(id, lane)).toMatchObject({ attempts: 2 });
  await attempts.postpone(id, lane, 2, "failures", 0);
  expect(await attempts.start(id, lane)).toMatchObject({ attempts: 3 });
});

test("a generation that was stopped answers no later request: the same idempotency key buys again", async () => {
  const { apiKeys, keyId, generations, attempts, submission } = await openKey();
  const first = submission({ keyId, idempotencyKey: "once" });
  await generations.submit(first);
  await apiKeys.update(keyId, { status: "disabled" });
  await attempts.start(first.id, lane);
  await apiKeys.update(keyId, { status: "active" });
  const second = submission({ keyId, idempotencyKey: "once" });
  expect(await generations.submit(second)).toMatchObject({ kind: "accepted" });
  expect(await attempts.start(second.id, lane)).toMatchObject({ status: "running" });
});

test("a retry of what was stopped is a life of its own", async () => {
  const { apiKeys, keyId, id, generations, attempts } = await openKey();
  await apiKeys.update(keyId, { status: "disabled" });
  await attempts.start(id, lane);
  await apiKeys.update(keyId, { status: "active" });
  expect(await generations.retry(id, lane, "acme", free)).toMatchObject({ kind: "accepted" });
  expect(await attempts.start(id, lane)).toMatchObject({ status: "running", stopped: false });
});
