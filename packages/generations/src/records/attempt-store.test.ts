import { describe, expect, test } from "vitest";
import { bill, delivery, free, openQueue, openStarted } from "../queue.fixture.ts";
import { createAttemptStore } from "./attempt-store.ts";

const failure = { code: "upstream_error", message: "It broke." } as const;

describe("an attempt", () => {
  test("is numbered, and marks the record running", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    expect(await generations.read(id)).toMatchObject({ status: "running", attempts: 1 });
    expect(await attempts.start(id, lane)).toMatchObject({ attempts: 2 });
  });

  test("that is not the latest can write nothing", async () => {
    const { generations, attempts, id, lane, redis, keys } = await openStarted();
    await attempts.start(id, lane);
    expect(await attempts.checkpoint(id, 1, delivery)).toBe("fenced");
    const partial = { index: 0, partialIndex: 0, key: "a/p.png", mediaType: "image/png", width: 1, height: 1 };
    expect(await attempts.appendPartial(id, 1, partial)).toBe("fenced");
    expect(await redis.exists(keys.partials(id))).toBe(0);
    expect(await attempts.succeed(id, lane, 1, delivery, bill)).toBe("fenced");
    expect(await attempts.fail(id, lane, 1, failure)).toBe("fenced");
    expect(await attempts.postpone(id, lane, 1, "failures", 0)).toBe("fenced");
    expect(await generations.read(id)).toMatchObject({ status: "running", delivery: null });
  });

  test("leaves what it gives up for the next attempt, until its owner has all of it tried again", async () => {
    const { generations, attempts, id, lane, tenant } = await openStarted();
    const missing = [{ index: 1, ...failure, mayHaveCharged: true }];
    expect(await attempts.checkpoint(id, 1, delivery, missing)).toBe("ok");
    await attempts.postpone(id, lane, 1, "failures", 0);
    expect(await attempts.start(id, lane)).toMatchObject({ attempts: 2, delivery, missing });
    await attempts.fail(id, lane, 2, failure);
    await generations.retry(id, lane, tenant, free);
    expect(await generations.read(id)).toMatchObject({ delivery, missing: [] });
  });

  test("keeps what was noted before it in the record, so that its objects are found", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    const noted = (key: string) => ({
      ...delivery,
      images: delivery.images.map((image) => Object.assign({}, image, { key })),
    });
    await attempts.checkpoint(id, 1, noted("a/1-0.png"));
    await attempts.checkpoint(id, 1, noted("a/1-0.png"));
    await attempts.start(id, lane);
    expect(await attempts.start(id, lane)).toMatchObject({ delivery: noted("a/1-0.png"), superseded: [] });
    await attempts.checkpoint(id, 3, noted("a/3-0.png"));
    expect(await attempts.deliveredKeys(id)).toEqual(["a/3-0.png"]);
    await attempts.succeed(id, lane, 3, noted("a/4-0.png"), bill);
    expect((await generations.read(id))?.superseded).toEqual([noted("a/1-0.png"), noted("a/3-0.png")]);
  });

  test("that succeeds says which images are missing", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    const missing = [{ index: 1, ...failure, mayHaveCharged: false }];
    await attempts.succeed(id, lane, 1, delivery, bill, missing);
    expect(await generations.read(id)).toMatchObject({ status: "succeeded", missing });
  });

  test("ends once: the first ending stays", async () => {
    const queue = await openStarted();
    const { generations, attempts, id, lane } = queue;
    expect(await attempts.succeed(id, lane, 1, delivery, bill)).toBe("ok");
    expect(await attempts.fail(id, lane, 1, failure)).toBe("ended");
    expect(await attempts.start(id, lane)).toBe("ended");
    expect(await generations.read(id)).toMatchObject({ status: "succeeded", delivery, error: null });
    await queue.expectNothingButRecords();
  });

  test("that failed leaves the reason in the record", async () => {
    const queue = await openStarted();
    await queue.attempts.fail(queue.id, queue.lane, 1, failure);
    expect(await queue.generations.read(queue.id)).toMatchObject({ status: "failed", error: failure });
    await queue.expectNothingButRecords();
  });

  test("that is put down counts as a failure, or as handed back", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    await attempts.postpone(id, lane, 1, "failures", 0);
    expect(await generations.read(id)).toMatchObject({ status: "queued", failures: 1, handbacks: 0 });
    await attempts.start(id, lane);
    await attempts.postpone(id, lane, 2, "handbacks", 0);
    expect(await generations.read(id)).toMatchObject({ status: "queued", failures: 1, handbacks: 1, attempts: 2 });
  });

  test("begins although the record has lost its rank, which only orders the line", async () => {
    const queue = await openQueue();
    const { id, lane, ...given } = queue.submission();
    await queue.generations.submit({ id, lane, ...given });
    await queue.redis.hdel(queue.keys.record(id), "rank");
    expect(await queue.attempts.start(id, lane)).toMatchObject({ status: "running", attempts: 1 });
    expect(await queue.redis.zscore(queue.keys.running, id)).not.toBeNull();
  });

  test("is not begun before the pause that was set is over", async () => {
    const { redis, keys, generations, attempts, id, lane } = await openStarted();
    await attempts.postpone(id, lane, 1, "failures", 60_000);
    expect(await attempts.start(id, lane)).toSatisfy((left) => left > 55_000 && left <= 60_000);
    expect(await generations.read(id)).toMatchObject({ status: "queued", attempts: 1 });
    // A clock that was an hour ahead when the pause was set.
    await redis.hincrby(keys.record(id), "resumesAt", 3_600_000);
    expect(await attempts.start(id, lane)).toMatchObject({ attempts: 2 });
  });

  test("may repeat a purchase after one that ended without a word or was broken off, and after no other", async () => {
    const { attempts, id, lane } = await openStarted();
    const next = async () => {
      const begun = await attempts.start(id, lane);
      return typeof begun === "object" ? begun.mayRepeat : begun;
    };
    expect(await next(), "after a silent one").toBe(true);
    await attempts.postpone(id, lane, 2, "failures", 0);
    expect(await next(), "after one that failed").toBe(false);
    await attempts.breakOff(id, lane, 3);
    expect(await next(), "after one that was broken off").toBe(true);
    await attempts.postpone(id, lane, 4, "handbacks", 0);
    expect(await next(), "after one that was given back unbegun").toBe(false);
  });

  test("that a rate limit refused is none: the generation has not begun, and expires by its deadline", async () => {
    const queue = await openQueue();
    const { generations, attempts, redis, keys } = queue;
    const { id, lane, ...given } = queue.submission({ expiresInMs: 600_000 });
    await generations.submit({ id, lane, ...given });
    await attempts.start(id, lane);
    expect(await attempts.putInLine(id, lane, 1)).toBe("ok");
    expect(await generations.read(id)).toMatchObject({
      status: "queued",
      startedAtMs: null,
      failures: 0,
      rateLimits: 1,
    });
    expect(await redis.zcard(keys.expiring)).toBe(1);
    await redis.hset(keys.record(id), "expiresAt", 1);
    expect(await generations.expire(id, lane)).toBe("expired");
    await queue.expectNothingButRecords();
  });

  test("that a rate limit refused after another leaves what that one began: it waits until its deadline", async () => {
    const { generations, attempts, redis, keys, id, lane } = await openStarted();
    await attempts.postpone(id, lane, 1, "failures", 0);
    await attempts.start(id, lane);
    expect(await attempts.putInLine(id, lane, 2)).toBe("ok");
    expect(await generations.read(id)).toMatchObject({
      status: "queued",
      startedAtMs: expect.any(Number),
      rateLimits: 1,
    });
    await attempts.start(id, lane);
    await redis.hset(keys.record(id), "expiresAt", 1);
    expect(await attempts.putInLine(id, lane, 3)).toBe("late");
    expect(await generations.read(id)).toMatchObject({ status: "running", attempts: 3, rateLimits: 1 });
  });

  test("that a rate limit refused waits for a day where it has no deadline", async () => {
    const { attempts, redis, keys, id, lane } = await openStarted();
    expect(await attempts.putInLine(id, lane, 1)).toBe("ok");
    await attempts.start(id, lane);
    expect(await attempts.putInLine(id, lane, 1), "a late one").toBe("fenced");
    await redis.hincrby(keys.record(id), "limitedSince", -86_400_000);
    expect(await attempts.putInLine(id, lane, 2)).toBe("late");
  });

  test("that a rate limit refused in part leaves what it bought: the generation has begun", async () => {
    const { generations, attempts, id, lane } = await openStarted();
    await attempts.checkpoint(id, 1, delivery);
    expect(await attempts.putInLine(id, lane, 1)).toBe("ok");
    expect(await generations.read(id)).toMatchObject({ status: "queued", startedAtMs: expect.any(Number), delivery });
    expect(await generations.leave(id, lane, "", "cut")).toBe("kept");
  });

  test("that was canceled cannot end the life that a retry began", async () => {
    const { generations, attempts, id, lane, tenant } = await openStarted();
    await generations.cancel(id, lane);
    await generations.retry(id, lane, tenant, free);
    expect(await attempts.succeed(id, lane, 1, delivery, bill)).toBe("fenced");
    expect(await attempts.fail(id, lane, 1, failure)).toBe("fenced");
    expect(await generations.read(id)).toMatchObject({ status: "queued", error: null });
  });

  test("finds nothing to do where there is no record", async () => {
    const { attempts } = await openQueue();
    expect(await attempts.start("gen_none", "lane")).toBe("gone");
  });
});

test("an attempt of which Redis takes nothing after its start has begun, and counts as no crash", async () => {
  const { redis, keys, retention, attempts, id, lane } = await openStarted();
  await attempts.postpone(id, lane, 1, "failures", 0);
  let hasBegun = false;
  const refusing = new Proxy(redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        if (hasBegun) throw new Error("LOADING Redis is loading the dataset in memory");
        const answer: unknown = await Reflect.apply(member, target, args);
        hasBegun = name === "evalsha" || name === "eval";
        return answer;
      };
    },
  });
  const begun = await createAttemptStore({ redis: refusing, keys, retention }).start(id, lane);
  expect(begun).toMatchObject({ attempts: 2, failures: 1, handbacks: 0, mayRepeat: false });
});

describe("an ending is written whole, its webhook included, although something beside it is damaged:", () => {
  type Opened = Awaited<ReturnType<typeof openQueue>>;
  const damages: Record<
    string,
    (queue: Opened, given: { id: string; lane: string; tenant: string }) => Promise<unknown>
  > = {
    "who waits for it": ({ redis, keys }, { id }) => redis.set(`${keys.root}waiters:${id}`, "damaged"),
    "which generations its key is not answered with": async ({ redis, keys }) => {
      const [list = ""] = await redis.keys(`${keys.root}unanswered:*`);
      await redis.set(list, "damaged");
    },
    "how many are pending": ({ redis, keys }, { lane, tenant }) => redis.hset(keys.pending(lane), tenant, "damaged"),
    "the quarantine": ({ redis, keys }) => redis.set(keys.quarantine, "damaged"),
  };

  test.each(Object.entries(damages))("%s", async (_, damage) => {
    const queue = await openQueue();
    const { attempts, generations, redis, keys } = queue;
    const given = queue.submission({ request: { prompt: "a cat", job: { webhook: "https://example.com/hook" } } });
    await generations.submit(given);
    await attempts.start(given.id, given.lane);
    await damage(queue, given);
    expect(await attempts.fail(given.id, given.lane, 1, failure)).toBe("ok");
    expect(await redis.zrange(keys.outbox, "0", "-1")).toEqual([expect.stringMatching(`^${given.id} .* failed$`)]);
    expect(await redis.zrange(keys.retained, "0", "-1")).toEqual([given.id]);
    expect(await generations.read(given.id)).toMatchObject({ status: "failed", error: failure });
  });
});
