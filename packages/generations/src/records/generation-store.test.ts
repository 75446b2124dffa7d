import { redisTime } from "@darkroom/redis";
import { describe, expect, test } from "vitest";
import { bill, delivery, free, openQueue, openStarted, openLossyConnection } from "../queue.fixture.ts";
import { createGenerationStore } from "./generation-store.ts";

const accepted = (priority: number) => ({ kind: "accepted", priority, use: null });

describe("submit", () => {
  test("writes a record that can be read back", async () => {
    const { generations, submission } = await openQueue();
    const given = submission({ expiresInMs: 5_000 });
    await generations.submit(given);
    const { expiresInMs: _, admission: __, forceNew: ___, ...facts } = given;
    const fresh = { status: "queued", version: 1, attempts: 0, startedAtMs: null, error: null };
    expect(await generations.read(given.id)).toMatchObject({ ...facts, ...fresh });
  });

  test("ranks a tenant's generations in their order, and another tenant's first beside its first", async () => {
    const { generations, submission } = await openQueue();
    expect(await generations.submit(submission({ tenant: "a" }))).toEqual(accepted(1));
    expect(await generations.submit(submission({ tenant: "a" }))).toEqual(accepted(2));
    expect(await generations.submit(submission({ tenant: "b" }))).toEqual(accepted(1));
  });

  test("ranks a new tenant behind what has begun, and no generation before an earlier one of the same tenant", async () => {
    const { generations, attempts, submission } = await openQueue();
    const [first, second] = [submission({ tenant: "a" }), submission({ tenant: "a" })];
    await generations.submit(first);
    await generations.submit(second);
    for (const { id, lane } of [first, second]) await attempts.start(id, lane);
    await attempts.succeed(first.id, first.lane, 1, delivery, bill);
    // One of two is left, and the next is still the third.
    expect(await generations.submit(submission({ tenant: "a" }))).toEqual(accepted(3));
    expect(await generations.submit(submission({ tenant: "b" }))).toEqual(accepted(3));
  });

  test("ranks from one again when the lane has been empty", async () => {
    const { generations, redis, keys, submission } = await openQueue();
    const [one, other] = [submission({ tenant: "a" }), submission({ tenant: "b" })];
    await generations.submit(one);
    await generations.submit(other);
    await generations.cancel(other.id, other.lane);
    expect(await redis.hgetall(keys.ranks(one.lane))).toEqual({ a: "1" });
    await generations.cancel(one.id, one.lane);
    expect(await generations.submit(submission({ tenant: "a" }))).toEqual(accepted(1));
  });

  test("changes nothing when it is repeated after a lost answer", async () => {
    const { generations, submission, redis, keys } = await openQueue();
    const given = submission();
    expect([await generations.submit(given), await generations.submit(given)]).toEqual([accepted(1), accepted(1)]);
    expect(await redis.hgetall(keys.pending(given.lane))).toEqual({ acme: "1" });
  });

  test("reads null where there is no record", async () => {
    const { generations } = await openQueue();
    expect(await generations.read("gen_none")).toBeNull();
  });
});

describe("expiry", () => {
  test("ends a generation that was not begun in its time", async () => {
    const queue = await openQueue();
    const { id, lane, ...rest } = queue.submission({ expiresInMs: 1 });
    await queue.generations.submit({ id, lane, ...rest });
    const expiresAtMs = (await queue.generations.read(id))?.expiresAtMs ?? Infinity;
    await expect.poll(() => redisTime(queue.redis)).toBeGreaterThanOrEqual(expiresAtMs);
    expect(await queue.attempts.start(id, lane)).toBe("expired");
    expect(await queue.generations.read(id)).toMatchObject({ status: "expired" });
    await queue.expectNothingButRecords();
  });

  test("does not touch one that its owner has queued again since it was found to be due", async () => {
    const { generations, attempts, redis, keys, ...queue } = await openQueue();
    const { id, lane, tenant } = queue.submission();
    await generations.submit(queue.submission({ id, expiresInMs: 1 }));
    const expiresAtMs = (await generations.read(id))?.expiresAtMs ?? Infinity;
    await expect.poll(() => redisTime(redis)).toBeGreaterThanOrEqual(expiresAtMs);
    expect(await attempts.start(id, lane)).toBe("expired");
    await generations.retry(id, lane, tenant, free);
    expect(await generations.expire(id, lane)).toBe("kept");
    expect(await generations.read(id)).toMatchObject({ status: "queued" });
    expect(await redis.zcard(keys.expiring)).toBe(0);
  });

  test("does not touch one that has time left, or no deadline", async () => {
    const { generations, redis, keys, ...queue } = await openQueue();
    const patient = queue.submission();
    const early = queue.submission({ expiresInMs: 60_000 });
    for (const given of [patient, early]) {
      await generations.submit(given);
      expect(await generations.expire(given.id, given.lane)).toBe("kept");
      expect(await generations.read(given.id)).toMatchObject({ status: "queued" });
    }
    expect(await redis.zrange(keys.expiring, "0", "-1")).toEqual([early.id]);
  });

  test("does not touch one that has begun, even between two attempts, and takes it off the list", async () => {
    const { generations, attempts, redis, keys, submission } = await openQueue();
    const { id, lane } = submission();
    await generations.submit(submission({ id, expiresInMs: 60_000 }));
    await attempts.start(id, lane);
    await redis.hset(keys.record(id), "expiresAt", 1);
    await redis.zadd(keys.expiring, 1, id);
    expect(await generations.expire(id, lane)).toBe("kept");
    expect(await generations.read(id)).toMatchObject({ status: "running" });
    expect(await redis.zcard(keys.expiring)).toBe(0);
    await attempts.postpone(id, lane, 1, "failures", 0);
    expect(await generations.expire(id, lane)).toBe("kept");
    expect(await generations.read(id)).toMatchObject({ status: "queued" });
  });
});

describe("withdrawal", () => {
  test("ends one that is queued, and says so again when it is repeated", async () => {
    const { generations, submission } = await openQueue();
    const { id, lane } = submission();
    await generations.submit(submission({ id }));
    expect(await generations.withdraw(id, lane, "expired")).toBe("ok");
    expect(await generations.withdraw(id, lane, "expired")).toBe("ok");
    expect(await generations.read(id)).toMatchObject({ status: "expired", version: 2 });
  });

  test("does not touch one that runs, or has ended otherwise", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    expect(await generations.withdraw(id, lane, "canceled")).toBe("kept");
    expect(await generations.read(id)).toMatchObject({ status: "running" });
    await attempts.succeed(id, lane, 1, delivery, bill);
    expect(await generations.withdraw(id, lane, "canceled")).toBe("kept");
    expect(await generations.read(id)).toMatchObject({ status: "succeeded" });
  });
});

describe("cancel", () => {
  test("ends a queued generation", async () => {
    const queue = await openQueue();
    const given = queue.submission();
    await queue.generations.submit(given);
    expect(await queue.generations.cancel(given.id, given.lane)).toBe("queued");
    expect(await queue.generations.read(given.id)).toMatchObject({ status: "canceled" });
    await queue.expectNothingButRecords();
  });

  test("ends a running one, and voids what its worker still writes", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    expect(await generations.cancel(id, lane)).toBe("running");
    expect(await attempts.checkpoint(id, 1, delivery)).toBe("fenced");
    expect(await attempts.succeed(id, lane, 1, delivery, bill)).toBe("ended");
    expect(await generations.read(id)).toMatchObject({ status: "canceled", delivery: null });
  });

  test("comes too late after an ending, and finds nothing where there is nothing", async () => {
    const { generations, id, lane } = await openStarted();
    await generations.cancel(id, lane);
    expect(await generations.cancel(id, lane)).toBe("ended");
    expect(await generations.cancel("gen_none", lane)).toBe("gone");
  });
});

describe("retry", () => {
  test("queues an ended generation again, with all its tries", async () => {
    const queue = await openStarted();
    const { generations, attempts, id, lane, tenant } = queue;
    await attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
    expect(await generations.retry(id, lane, tenant, free)).toEqual({ kind: "accepted", priority: 1, use: null });
    expect(await generations.read(id)).toMatchObject({ status: "queued", error: null, failures: 0, endedAtMs: null });
    const second = await attempts.start(id, lane);
    expect(second).toMatchObject({ attempts: 2, failures: 0, handbacks: 1 });
    expect(await attempts.succeed(id, lane, 2, delivery, bill)).toBe("ok");
    await queue.expectNothingButRecords();
  });

  test("is refused where nothing has failed", async () => {
    const { generations, attempts, id, lane, tenant } = await openStarted();
    expect(await generations.retry(id, lane, tenant, free)).toEqual({ kind: "unended" });
    await attempts.succeed(id, lane, 1, delivery, bill);
    expect(await generations.retry(id, lane, tenant, free)).toEqual({ kind: "succeeded" });
    expect(await generations.retry("gen_none", lane, tenant, free)).toEqual({ kind: "gone" });
  });
});

describe("a script whose answer was lost, and which is sent again, says what it did", () => {
  /** A store over a line that loses answers. */
  async function openLossy() {
    const queue = await openStarted();
    const { redis, loseAnswer } = await openLossyConnection();
    return { ...queue, loseAnswer, lossy: createGenerationStore({ ...queue, redis }) };
  }

  test.each(["queued", "running"] as const)("cancel, of one that is %s", async (status) => {
    const { lossy, loseAnswer, submission, generations, id: running, lane, keys } = await openLossy();
    const queued = submission();
    await generations.submit(queued);
    const id = status === "running" ? running : queued.id;
    const lost = loseAnswer(keys.cancels);
    const canceled = lossy.cancel(id, lane);
    await lost;
    expect(await canceled).toBe(status);
    expect(await lossy.cancel(id, lane)).toBe("ended");
  });

  test("retry", async () => {
    const { lossy, loseAnswer, generations, id, lane, tenant, redis, keys } = await openLossy();
    await generations.cancel(id, lane);
    const lost = loseAnswer(keys.retained);
    const retried = lossy.retry(id, lane, tenant, free);
    await lost;
    expect(await retried).toEqual({ kind: "accepted", priority: 1, use: null });
    expect(await redis.hgetall(keys.pending(lane))).toEqual({ [tenant]: "1" });
    expect(await lossy.retry(id, lane, tenant, free)).toEqual({ kind: "unended" });
  });

  test("expire", async () => {
    const { lossy, loseAnswer, generations, submission, redis, keys } = await openLossy();
    const given = submission({ expiresInMs: 60_000 });
    await generations.submit(given);
    await redis.hset(keys.record(given.id), "expiresAt", 1);
    const lost = loseAnswer(keys.retained);
    const expired = lossy.expire(given.id, given.lane);
    await lost;
    expect(await expired).toBe("expired");
    expect(await generations.read(given.id)).toMatchObject({ status: "expired", version: 2 });
  });

  test("leave, of the last caller of a queued generation", async () => {
    const { lossy, loseAnswer, generations, submission, keys } = await openLossy();
    const given = submission({ caller: "api/1" });
    await generations.submit(given);
    const lost = loseAnswer(keys.retained);
    const left = lossy.leave(given.id, given.lane, "api/1", "cut");
    await lost;
    expect(await left).toBe("canceled");
  });

  test("attach, of what one caller alone may have", async () => {
    const { lossy, loseAnswer, generations, attempts, submission } = await openLossy();
    const [first, second, third] = [1, 2, 3].map((caller) =>
      submission({ caller: `api/${caller}`, forceNew: caller === 1 }),
    );
    if (first === undefined || second === undefined || third === undefined) throw new Error("There are three");
    await generations.submit(first);
    await attempts.start(first.id, first.lane);
    await generations.leave(first.id, first.lane, "api/1", "cut");
    const lost = loseAnswer(second.id);
    const attached = lossy.attach(second);
    await lost;
    expect(await attached).toEqual({ kind: "attached", id: first.id });
    expect(await generations.attach(third)).toBeNull();
  });

  test.each(["submit", "keep", "watch"] as const)("%s", async (script) => {
    const { lossy, loseAnswer, submission, id, keys, generations } = await openLossy();
    const given = submission();
    const lost = loseAnswer(keys.record(script === "submit" ? given.id : id));
    const answer = {
      submit: () => lossy.submit(given),
      keep: () => lossy.keep(id),
      watch: () => lossy.watch(id, "here"),
    };
    const said = answer[script]();
    await lost;
    expect(await said).toEqual(script === "submit" ? accepted(2) : "ok");
    expect(await generations.read(id)).toMatchObject({ status: "running" });
  });
});

test("every change of state raises the version and is told to those who watch", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("w", 3_600_000);
  const given = queue.submission({ caller: waits.newCaller(), watch: true });
  const versions: (number | undefined)[] = [];
  waits.watch(given.id, async () => versions.push((await queue.generations.read(given.id))?.version));
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await expect.poll(() => versions).toEqual([2]);
  await queue.attempts.postpone(given.id, given.lane, 1, "failures", 0);
  await expect.poll(() => versions).toEqual([2, 3]);
  await queue.generations.cancel(given.id, given.lane);
  await expect.poll(() => versions).toEqual([2, 3, 4]);
});
