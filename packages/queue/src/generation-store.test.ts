import { describe, expect, test } from "vitest";
import { delivery, openQueue } from "./queue.fixture.ts";

const failure = { code: "upstream_error", message: "It broke." } as const;

async function started() {
  const queue = await openQueue();
  const submission = queue.submission();
  await queue.store.submit(submission);
  await queue.store.start(submission.id, submission.lane);
  return { ...queue, ...submission };
}

describe("submit", () => {
  test("writes a record that can be read back", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ expiresInMs: 5_000 });
    await store.submit(given);
    const { expiresInMs: _, ...facts } = given;
    expect(await store.read(given.id)).toMatchObject({
      ...facts,
      status: "queued",
      attempts: 0,
      startedAtMs: null,
      error: null,
    });
  });

  test("answers the rank among the tenant's own unended generations on the lane", async () => {
    const { store, submission } = await openQueue();
    expect(await store.submit(submission({ tenant: "a" }))).toBe(1);
    expect(await store.submit(submission({ tenant: "a" }))).toBe(2);
    expect(await store.submit(submission({ tenant: "b" }))).toBe(1);
  });

  test("changes nothing when it is repeated after a lost answer", async () => {
    const { store, submission, redis, keys } = await openQueue();
    const given = submission();
    expect([await store.submit(given), await store.submit(given)]).toEqual([1, 1]);
    expect(await redis.hgetall(keys.pending(given.lane))).toEqual({ acme: "1" });
  });

  test("reads null where there is no record", async () => {
    const { store } = await openQueue();
    expect(await store.read("gen_none")).toBeNull();
  });
});

describe("an attempt", () => {
  test("is numbered, and marks the record running", async () => {
    const { store, id, lane } = await started();
    expect(await store.read(id)).toMatchObject({ status: "running", attempts: 1 });
    expect(await store.start(id, lane)).toMatchObject({ attempts: 2 });
  });

  test("that is not the latest can write nothing", async () => {
    const { store, id, lane } = await started();
    await store.start(id, lane);
    expect(await store.checkpoint(id, 1, delivery)).toBe("fenced");
    expect(await store.succeed(id, lane, 1, delivery)).toBe("fenced");
    expect(await store.fail(id, lane, 1, failure)).toBe("fenced");
    expect(await store.postpone(id, 1, "failures", 0)).toBe("fenced");
    expect(await store.read(id)).toMatchObject({ status: "running", delivery: null });
  });

  test("ends once: the first ending stays", async () => {
    const queue = await started();
    const { store, id, lane } = queue;
    expect(await store.succeed(id, lane, 1, delivery)).toBe("ok");
    expect(await store.succeed(id, lane, 1, delivery)).toBe("ended");
    expect(await store.fail(id, lane, 1, failure)).toBe("ended");
    expect(await store.start(id, lane)).toBe("ended");
    expect(await store.read(id)).toMatchObject({ status: "succeeded", delivery, error: null });
    await queue.expectNothingButRecords();
  });

  test("that failed leaves the reason in the record, and the record expires", async () => {
    const queue = await started();
    await queue.store.fail(queue.id, queue.lane, 1, failure);
    expect(await queue.store.read(queue.id)).toMatchObject({ status: "failed", error: failure });
    expect(await queue.redis.pttl(queue.keys.record(queue.id))).toBeGreaterThan(50_000);
    await queue.expectNothingButRecords();
  });

  test("that is put down counts as a failure, or as handed back", async () => {
    const { store, id, lane } = await started();
    await store.postpone(id, 1, "failures", 0);
    expect(await store.read(id)).toMatchObject({ status: "queued", failures: 1, handbacks: 0 });
    await store.start(id, lane);
    await store.postpone(id, 2, "handbacks", 0);
    expect(await store.read(id)).toMatchObject({ status: "queued", failures: 1, handbacks: 1, attempts: 2 });
  });

  test("finds nothing to do where there is no record", async () => {
    const { store } = await openQueue();
    expect(await store.start("gen_none", "lane")).toBe("gone");
  });
});

describe("expiry", () => {
  test("ends a generation that was not begun in its time", async () => {
    const queue = await openQueue();
    const { id, lane, ...rest } = queue.submission({ expiresInMs: 1 });
    await queue.store.submit({ id, lane, ...rest });
    await expect.poll(() => queue.store.start(id, lane)).toBe("expired");
    expect(await queue.store.read(id)).toMatchObject({ status: "expired" });
    await queue.expectNothingButRecords();
  });

  test("does not touch one that has begun", async () => {
    const { store, id, lane } = await started();
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
    const { store, id, lane } = await started();
    expect(await store.abandon(id, lane, "here")).toBe("kept");
    await store.postpone(id, 1, "failures", 0);
    expect(await store.abandon(id, lane, "here")).toBe("kept");
  });

  test("does not cancel one that another process waits for", async () => {
    const { store, submission } = await openQueue();
    const given = submission({ replyTo: "there" });
    await store.submit(given);
    expect(await store.abandon(given.id, given.lane, "here")).toBe("kept");
  });
});
