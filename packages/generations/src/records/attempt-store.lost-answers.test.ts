import { createAccounts } from "@darkroom/accounts";
import { noBudget, noLimits } from "@darkroom/contracts";
import { redisTime } from "@darkroom/redis";
import { expect, test } from "vitest";
import { bill, delivery, openQueue, openLossyConnection } from "../queue.fixture.ts";
import { createAttemptStore } from "./attempt-store.ts";

const failure = { code: "upstream_error", message: "It broke." } as const;
const partial = { index: 0, partialIndex: 0, key: "a/p.png", mediaType: "image/png", width: 1, height: 1 };

/** A queued generation, a worker that is sure of its connection, and one whose answers a test can lose. */
async function openLossy({ expiresInMs }: { expiresInMs?: number } = {}) {
  const queue = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const { names, keyStore: apiKeys } = createAccounts({ redis: queue.redis, prefix: queue.prefix });
  const settings = { models: null, limits: noLimits, budget: noBudget, expiresAtMs: null };
  const made = await apiKeys.create({ tenant: "acme", name: "shop", ...settings });
  if (made === "taken") throw new Error("The name is taken");
  const { keyId } = made.record;
  const given = queue.submission({ keyId, expiresInMs });
  const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
  await queue.generations.submit(given);
  return {
    ...queue,
    ...given,
    apiKeys,
    sure: queue.attempts,
    attempts: createAttemptStore({ redis, keys: queue.keys, retention }),
    account: () => queue.redis.hmget(names.account(keyId), "active", "queued"),
    /** Runs a script that has `text` in a key or an argument, and loses its first answer. */
    losing: async <Answer>(text: string, run: () => Promise<Answer>): Promise<Answer> => {
      const lost = loseAnswer(text);
      const answer = run();
      await lost;
      return answer;
    },
    entries: async (): Promise<number> => {
      const [day = ""] = await queue.redis.smembers(`${queue.keys.root}ledger-days`);
      return queue.redis.llen(`${queue.keys.root}ledger:${day}`);
    },
  };
}

/** Every script is sent by its digest, so Redis has to know all of them before an answer is lost. */
async function warmUp() {
  const queue = await openQueue();
  const { attempts } = queue;
  const begin = async () => {
    const { id, lane } = queue.submission();
    await queue.generations.submit(queue.submission({ id }));
    await attempts.start(id, lane);
    return { id, lane };
  };
  const one = await begin();
  await attempts.appendPartial(one.id, 1, partial);
  await attempts.checkpoint(one.id, 1, delivery);
  await attempts.succeed(one.id, one.lane, 1, delivery, bill);
  const two = await begin();
  await attempts.postpone(two.id, two.lane, 1, "failures", 0);
  const three = await begin();
  await attempts.putInLine(three.id, three.lane, 1);
}

test("a start is counted once", async () => {
  await warmUp();
  const { id, lane, attempts, losing, generations, account } = await openLossy();
  expect(await losing("evalsha", () => attempts.start(id, lane))).toMatchObject({ status: "running", attempts: 1 });
  expect(await generations.read(id)).toMatchObject({ status: "running", attempts: 1, version: 2 });
  expect(await account()).toEqual(["1", "0"]);
});

test("a start by another worker is not taken for a repetition", async () => {
  const { id, lane, attempts, sure } = await openLossy();
  await sure.start(id, lane);
  expect(await attempts.start(id, lane)).toMatchObject({ attempts: 2 });
});

test("a generation that is out of time is said to be expired", async () => {
  await warmUp();
  const { id, lane, generations, redis, attempts, losing, entries } = await openLossy({ expiresInMs: 1 });
  const expiresAtMs = (await generations.read(id))?.expiresAtMs ?? Infinity;
  await expect.poll(() => redisTime(redis)).toBeGreaterThanOrEqual(expiresAtMs);
  expect(await losing("evalsha", () => attempts.start(id, lane))).toBe("expired");
  expect(await entries()).toBe(1);
});

test("a generation whose key is stopped is said to be stopped", async () => {
  await warmUp();
  const { id, lane, keyId, apiKeys, attempts, losing, entries } = await openLossy();
  await apiKeys.update(keyId, { status: "disabled" });
  expect(await losing("evalsha", () => attempts.start(id, lane))).toBe("stopped");
  expect(await entries()).toBe(1);
});

test("a checkpoint is noted", async () => {
  await warmUp();
  const { id, lane, attempts, sure, losing, generations } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.checkpoint(id, 1, delivery))).toBe("ok");
  expect(await generations.read(id)).toMatchObject({ delivery });
});

test("a partial image is shown once", async () => {
  await warmUp();
  const { id, lane, attempts, sure, losing, redis, keys } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.appendPartial(id, 1, partial))).toBe("ok");
  expect(await redis.llen(keys.partials(id))).toBe(1);
});

test.each(["failures", "handbacks"] as const)("an attempt is put down once: %s", async (reason) => {
  await warmUp();
  const { id, lane, attempts, sure, losing, generations, account } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.postpone(id, lane, 1, reason, 500))).toBe("ok");
  expect(await generations.read(id)).toMatchObject({ status: "queued", [reason]: 1, version: 3 });
  expect(await account()).toEqual(["1", "1"]);
});

test("an attempt that a rate limit refused is put in line once", async () => {
  await warmUp();
  const { id, lane, attempts, sure, losing, generations, account } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.putInLine(id, lane, 1))).toBe("ok");
  expect(await generations.read(id)).toMatchObject({ status: "queued", rateLimits: 1, version: 3, startedAtMs: null });
  expect(await account()).toEqual(["1", "1"]);
});

test("an attempt that was canceled and retried by its owner is not taken for one that was put down", async () => {
  const { id, lane, tenant, admission, attempts, sure, generations } = await openLossy();
  await sure.start(id, lane);
  await sure.postpone(id, lane, 1, "failures", 0);
  await sure.start(id, lane);
  await generations.cancel(id, lane);
  await generations.retry(id, lane, tenant, admission);
  expect(await attempts.postpone(id, lane, 2, "failures", 0)).toBe("fenced");
});

test("a success is written once, and its writer is told that it was the one", async () => {
  await warmUp();
  const { id, lane, attempts, sure, losing, entries, generations } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.succeed(id, lane, 1, delivery, bill))).toBe("ok");
  expect(await generations.read(id)).toMatchObject({ status: "succeeded", version: 3 });
  expect(await entries()).toBe(1);
});

test("a failure is written once, and its writer is told that it was the one", async () => {
  await warmUp();
  const { id, lane, attempts, sure, losing, entries } = await openLossy();
  await sure.start(id, lane);
  expect(await losing("evalsha", () => attempts.fail(id, lane, 1, failure))).toBe("ok");
  expect(await entries()).toBe(1);
});

test("a failure after another ending is told so", async () => {
  const { id, lane, attempts, sure, generations } = await openLossy();
  await sure.start(id, lane);
  await generations.cancel(id, lane);
  expect(await attempts.fail(id, lane, 1, failure)).toBe("ended");
});
