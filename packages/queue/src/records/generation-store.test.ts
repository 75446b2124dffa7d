import { describe, expect, test } from "vitest";
import { bill, delivery, free, openQueue, openStarted } from "../queue.fixture.ts";

const accepted = (rank: number) => ({ kind: "accepted", rank, use: null });
const attached = ({ id }: { id: string }) => ({ kind: "attached", id });

describe("submit", () => {
  test("writes a record that can be read back", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ expiresInMs: 5_000 });
    await store.submit(given);
    const { expiresInMs: _, admission: __, ...facts } = given;
    const fresh = { status: "queued", version: 1, attempts: 0, startedAtMs: null, error: null };
    expect(await store.read(given.id)).toMatchObject({ ...facts, ...fresh });
  });

  test("ranks a tenant's generations in their order, and another tenant's first beside its first", async () => {
    const { store, submission } = await openQueue();
    expect(await store.submit(submission({ tenant: "a" }))).toEqual(accepted(1));
    expect(await store.submit(submission({ tenant: "a" }))).toEqual(accepted(2));
    expect(await store.submit(submission({ tenant: "b" }))).toEqual(accepted(1));
  });

  test("ranks whoever comes new behind what has begun, and nobody's later generation before an earlier one of theirs", async () => {
    const { store, attempts, submission } = await openQueue();
    const [first, second] = [submission({ tenant: "a" }), submission({ tenant: "a" })];
    await store.submit(first);
    await store.submit(second);
    for (const { id, lane } of [first, second]) await attempts.start(id, lane);
    await attempts.succeed(first.id, first.lane, 1, delivery, bill);
    // One of two is left, and the next is still the third.
    expect(await store.submit(submission({ tenant: "a" }))).toEqual(accepted(3));
    expect(await store.submit(submission({ tenant: "b" }))).toEqual(accepted(3));
  });

  test("ranks from one again when the lane has been empty", async () => {
    const { store, redis, keys, submission } = await openQueue();
    const [one, other] = [submission({ tenant: "a" }), submission({ tenant: "b" })];
    await store.submit(one);
    await store.submit(other);
    await store.cancel(other.id, other.lane);
    expect(await redis.hgetall(keys.ranks(one.lane))).toEqual({ a: "1" });
    await store.cancel(one.id, one.lane);
    expect(await store.submit(submission({ tenant: "a" }))).toEqual(accepted(1));
  });

  test("changes nothing when it is repeated after a lost answer", async () => {
    const { store, submission, redis, keys } = await openQueue();
    const given = submission();
    expect([await store.submit(given), await store.submit(given)]).toEqual([accepted(1), accepted(1)]);
    expect(await redis.hgetall(keys.pending(given.lane))).toEqual({ acme: "1" });
  });

  test("reads null where there is no record", async () => {
    const { store } = await openQueue();
    expect(await store.read("gen_none")).toBeNull();
  });
});

describe("an idempotency key", () => {
  test("stands for the generation of its first use, also when that has ended", async () => {
    const { store, attempts, submission } = await openQueue();
    const first = submission({ idempotencyKey: "k" });
    expect(await store.submit(first)).toEqual(accepted(1));
    expect(await store.submit(submission({ idempotencyKey: "k" }))).toEqual(attached(first));
    await attempts.start(first.id, first.lane);
    await attempts.succeed(first.id, first.lane, 1, delivery, bill);
    expect(await store.submit(submission({ idempotencyKey: "k" }))).toEqual(attached(first));
  });

  test("with another body is a mismatch", async () => {
    const { store, submission } = await openQueue();
    const first = submission({ idempotencyKey: "k" });
    await store.submit(first);
    const other = submission({ idempotencyKey: "k", request: { prompt: "a dog" } });
    expect(await store.submit(other)).toEqual({ kind: "mismatch", id: first.id });
    expect(await store.read(other.id)).toBeNull();
  });

  test("does not mind the order of fields", async () => {
    const { store, submission } = await openQueue();
    const first = submission({ idempotencyKey: "k", request: { prompt: "a cat", size: "auto" } });
    await store.submit(first);
    const again = submission({ idempotencyKey: "k", request: { size: "auto", prompt: "a cat" } });
    expect(await store.submit(again)).toEqual(attached(first));
  });

  test("belongs to one API key", async () => {
    const { store, submission } = await openQueue();
    await store.submit(submission({ idempotencyKey: "k", keyId: "a" }));
    expect(await store.submit(submission({ idempotencyKey: "k", keyId: "b" }))).toEqual(accepted(2));
  });

  test("is free again when its caller left before anything was begun", async () => {
    const { store, submission } = await openQueue();
    const first = submission({ idempotencyKey: "k", replyTo: "here" });
    await store.submit(first);
    await store.abandon(first.id, first.lane, "here");
    expect(await store.submit(submission({ idempotencyKey: "k" }))).toEqual(accepted(1));
  });

  test("tells the reply channel of whoever attaches", async () => {
    const queue = await openQueue();
    const waits = await queue.waits("b", 3_600_000);
    const first = queue.submission({ idempotencyKey: "k", replyTo: "elsewhere" });
    await queue.store.submit(first);
    const wait = waits.wait(first.id);
    await queue.store.submit(queue.submission({ idempotencyKey: "k", replyTo: waits.channel }));
    await queue.attempts.start(first.id, first.lane);
    await queue.attempts.succeed(first.id, first.lane, 1, delivery, bill);
    await expect(wait.ended).resolves.toBeUndefined();
  });

  test("fifty uses at once make one generation", async () => {
    const { store, submission } = await openQueue();
    const all = Array.from({ length: 50 }, () => store.submit(submission({ idempotencyKey: "k" })));
    const kinds = (await Promise.all(all)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "accepted")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "attached")).toHaveLength(49);
  });
});

describe("a client's own retry", () => {
  test("finds the generation of its first try", async () => {
    const queue = await openQueue();
    const first = queue.submission({ clientRetry: "first", replyTo: "here" });
    await queue.store.submit(first);
    await queue.attempts.start(first.id, first.lane);
    await queue.store.abandon(first.id, first.lane, "here");
    expect(await queue.store.submit(queue.submission({ clientRetry: "retry" }))).toEqual(attached(first));
  });

  test("finds its own among several with the same body: the one whose caller left", async () => {
    const { store, attempts, submission } = await openQueue();
    const [mine, other] = [
      submission({ clientRetry: "first", replyTo: "a" }),
      submission({ clientRetry: "first", replyTo: "b" }),
    ];
    for (const one of [mine, other]) {
      await store.submit(one);
      await attempts.start(one.id, one.lane);
    }
    await store.abandon(mine.id, mine.lane, "a");
    expect(await store.submit(submission({ clientRetry: "retry", replyTo: "a" }))).toEqual(attached(mine));
    await store.abandon(other.id, other.lane, "b");
    expect(await store.submit(submission({ clientRetry: "retry", replyTo: "b" }))).toEqual(attached(other));
  });

  test("starts anew where the first try was canceled unbegun, or had another body", async () => {
    const { store, submission } = await openQueue();
    const first = submission({ clientRetry: "first", replyTo: "here" });
    await store.submit(first);
    await store.abandon(first.id, first.lane, "here");
    expect(await store.submit(submission({ clientRetry: "retry" }))).toEqual(accepted(1));
    const dog = submission({ clientRetry: "retry", request: { prompt: "a dog" } });
    expect(await store.submit(dog)).toEqual(accepted(2));
  });

  test("two first tries with one body are two generations", async () => {
    const { store, submission } = await openQueue();
    await store.submit(submission({ clientRetry: "first" }));
    expect(await store.submit(submission({ clientRetry: "first" }))).toEqual(accepted(2));
  });
});

describe("expiry", () => {
  test("ends a generation that was not begun in its time", async () => {
    const queue = await openQueue();
    const { id, lane, ...rest } = queue.submission({ expiresInMs: 1 });
    await queue.store.submit({ id, lane, ...rest });
    await expect.poll(() => queue.attempts.start(id, lane)).toBe("expired");
    expect(await queue.store.read(id)).toMatchObject({ status: "expired" });
    await queue.expectNothingButRecords();
  });

  test("does not touch one that its owner has queued again since it was found to be due", async () => {
    const { store, attempts, redis, keys, ...queue } = await openQueue();
    const { id, lane, tenant } = queue.submission();
    await store.submit(queue.submission({ id, expiresInMs: 1 }));
    await expect.poll(() => attempts.start(id, lane)).toBe("expired");
    await store.retry(id, lane, tenant, free);
    expect(await store.expire(id, lane)).toBe("kept");
    expect(await store.read(id)).toMatchObject({ status: "queued" });
    expect(await redis.zcard(keys.expiring)).toBe(0);
  });

  test("does not touch one that has time left, or no deadline", async () => {
    const { store, redis, keys, ...queue } = await openQueue();
    const patient = queue.submission();
    const early = queue.submission({ expiresInMs: 60_000 });
    for (const given of [patient, early]) {
      await store.submit(given);
      expect(await store.expire(given.id, given.lane)).toBe("kept");
      expect(await store.read(given.id)).toMatchObject({ status: "queued" });
    }
    expect(await redis.zrange(keys.expiring, "0", "-1")).toEqual([early.id]);
  });

  test("does not touch one that has begun", async () => {
    const { store, id, lane } = await openStarted();
    expect(await store.expire(id, lane)).toBe("kept");
    expect(await store.read(id)).toMatchObject({ status: "running" });
  });
});

describe("a caller who leaves", () => {
  test("cancels a generation that nobody has begun", async () => {
    const queue = await openQueue();
    const given = queue.submission({ replyTo: "here" });
    await queue.store.submit(given);
    expect(await queue.store.abandon(given.id, given.lane, "here")).toBe("canceled");
    expect(await queue.store.read(given.id)).toMatchObject({ status: "canceled" });
    await queue.expectNothingButRecords();
  });

  test("does not cancel one that has begun, even between two attempts", async () => {
    const { store, attempts, id, lane } = await openStarted();
    expect(await store.abandon(id, lane, "here")).toBe("kept");
    await attempts.postpone(id, lane, 1, "failures", 0);
    expect(await store.abandon(id, lane, "here")).toBe("kept");
  });

  test("does not cancel one that another process waits for", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ replyTo: "there" });
    await store.submit(given);
    expect(await store.abandon(given.id, given.lane, "here")).toBe("kept");
  });

  test("does not cancel one whose caller was told its id", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ replyTo: "here" });
    await store.submit(given);
    expect(await store.keep(given.id)).toBe("ok");
    expect(await store.abandon(given.id, given.lane, "here")).toBe("kept");
    expect(await store.keep("gen_none")).toBe("gone");
  });

  test("says the same when it is repeated", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ replyTo: "here" });
    await store.submit(given);
    expect(await store.abandon(given.id, given.lane, "here")).toBe("canceled");
    expect(await store.abandon(given.id, given.lane, "here")).toBe("canceled");
  });
});

describe("cancel", () => {
  test("ends a queued generation", async () => {
    const queue = await openQueue();
    const given = queue.submission();
    await queue.store.submit(given);
    expect(await queue.store.cancel(given.id, given.lane)).toBe("queued");
    expect(await queue.store.read(given.id)).toMatchObject({ status: "canceled" });
    await queue.expectNothingButRecords();
  });

  test("ends a running one, and voids what its worker still writes", async () => {
    const { store, attempts, id, lane } = await openStarted();
    expect(await store.cancel(id, lane)).toBe("running");
    expect(await attempts.checkpoint(id, 1, delivery)).toBe("fenced");
    expect(await attempts.succeed(id, lane, 1, delivery, bill)).toBe("ended");
    expect(await store.read(id)).toMatchObject({ status: "canceled", delivery: null });
  });

  test("comes too late after an ending, and finds nothing where there is nothing", async () => {
    const { store, id, lane } = await openStarted();
    await store.cancel(id, lane);
    expect(await store.cancel(id, lane)).toBe("ended");
    expect(await store.cancel("gen_none", lane)).toBe("gone");
  });
});

describe("retry", () => {
  test("queues an ended generation again, with all its tries", async () => {
    const queue = await openStarted();
    const { store, attempts, id, lane, tenant } = queue;
    await attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
    expect(await store.retry(id, lane, tenant, free)).toEqual({ kind: "accepted", rank: 1, use: null });
    expect(await store.read(id)).toMatchObject({ status: "queued", error: null, failures: 0, endedAtMs: null });
    const second = await attempts.start(id, lane);
    expect(second).toMatchObject({ attempts: 2, failures: 0, handbacks: 1 });
    expect(await attempts.succeed(id, lane, 2, delivery, bill)).toBe("ok");
    await queue.expectNothingButRecords();
  });

  test("is refused where nothing has failed", async () => {
    const { store, attempts, id, lane, tenant } = await openStarted();
    expect(await store.retry(id, lane, tenant, free)).toEqual({ kind: "unended" });
    await attempts.succeed(id, lane, 1, delivery, bill);
    expect(await store.retry(id, lane, tenant, free)).toEqual({ kind: "succeeded" });
    expect(await store.retry("gen_none", lane, tenant, free)).toEqual({ kind: "gone" });
  });
});

test("every change of state raises the version and is told to those who watch", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("w", 3_600_000);
  const given = queue.submission({ replyTo: waits.channel, watch: true });
  const versions: (number | undefined)[] = [];
  waits.watch(given.id, async () => versions.push((await queue.store.read(given.id))?.version));
  await queue.store.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await expect.poll(() => versions).toEqual([2]);
  await queue.attempts.postpone(given.id, given.lane, 1, "failures", 0);
  await expect.poll(() => versions).toEqual([2, 3]);
  await queue.store.cancel(given.id, given.lane);
  await expect.poll(() => versions).toEqual([2, 3, 4]);
});
