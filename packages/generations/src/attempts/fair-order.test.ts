import { type Rerun, workOffLane } from "@darkroom/queue";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Work } from "./outcome.ts";
import { delivery, openQueue, type TestQueue } from "../queue.fixture.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

const lane = "sandbox.interactive";

/** BullMQ's largest priority. */
const largest = 2_097_151;

/** Has a lane with one generation of `acme` under way come to a rank. */
async function comeTo({ redis, keys, ...queue }: TestQueue, rank: number): Promise<void> {
  const first = queue.submission();
  await queue.generations.submit(first);
  await queue.attempts.start(first.id, lane);
  await redis.hset(keys.ranks(lane), { "": rank, acme: rank });
}

/** Submits generations of a tenant. Answers their ids. */
async function submit(queue: TestQueue, tenant: string, count: number): Promise<string[]> {
  const submissions = Array.from({ length: count }, () => queue.submission({ tenant }));
  for (const each of submissions) await queue.submit(each);
  return submissions.map(({ id }) => id);
}

/** The first jobs that a worker with one job at a time is given, in their order. Each succeeds. */
async function firstBegun(queue: TestQueue, count: number): Promise<string[]> {
  const begun: string[] = [];
  const work: Work = async ({ record }) => {
    begun.push(record.id);
    return { kind: "succeeded", delivery };
  };
  queue.worker(work, { concurrency: 1 });
  await expect.poll(() => begun.length).toBeGreaterThanOrEqual(count);
  return begun.slice(0, count);
}

/** BullMQ's line of the lane: the ids of its jobs, in their order. */
const lineOf = ({ redis, keys }: TestQueue): Promise<string[]> =>
  redis.zrange(`${keys.lanes}:${lane}:prioritized`, "0", "-1");

/** The smallest priority of a lane's jobs, and the largest. */
async function prioritiesOf({ redis, keys }: TestQueue): Promise<number[]> {
  const line = `${keys.lanes}:${lane}:prioritized`;
  const [first, last] = await Promise.all([
    redis.zrange(line, "0", "0", "WITHSCORES"),
    redis.zrange(line, "-1", "-1", "WITHSCORES"),
  ]);
  return [first, last].map(([, score]) => Math.floor(Number(score) / 2 ** 32));
}

/** Starts attempts at generations that are in line, as their turn comes, whatever becomes of them. */
async function startNext(queue: TestQueue, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [id = ""] = await lineOf(queue);
    await queue.lanes.remove(lane, id);
    await queue.attempts.start(id, lane);
  }
}

/** A rank at which the base has not been raised, and with the next start is. */
const beforeRaise = 1_048_575;

describe("a lane that is never empty", () => {
  test("gives a tenant with one job its turn before the backlog of another, past the largest priority", async () => {
    const queue = await openQueue();
    await comeTo(queue, largest);
    await submit(queue, "acme", 30);
    const [ofOther] = await submit(queue, "other", 1);
    expect(await firstBegun(queue, 5)).toContain(ofOther);
  });

  test("keeps the order of its jobs while their priorities are lowered, and of those that come meanwhile", async () => {
    const queue = await openQueue();
    await comeTo(queue, beforeRaise);
    const acme = await submit(queue, "acme", 70);
    const beta = await submit(queue, "beta", 1);
    const begun = [...acme.splice(0, 1), ...beta];
    expect((await lineOf(queue)).slice(0, 2)).toEqual(begun);
    await startNext(queue, 1);
    // Twenty of the jobs have been moved.
    expect(await prioritiesOf(queue)).toEqual([131_072, 1_048_645]);
    const [last] = await submit(queue, "acme", 1);
    const [gamma] = await submit(queue, "gamma", 1);
    expect(await lineOf(queue)).toEqual([...beta, ...acme.slice(0, 1), gamma, ...acme.slice(1), last]);
    await startNext(queue, 6);
    expect(await lineOf(queue)).toEqual([...acme.slice(4), last]);
    expect(await prioritiesOf(queue)).toEqual([131_077, 131_142]);
  });

  test("puts a job in its place whose priority was computed before the base was raised", async () => {
    const queue = await openQueue();
    await comeTo(queue, beforeRaise);
    const acme = await submit(queue, "acme", 30);
    const given = queue.submission({ tenant: "beta" });
    const submitted = await queue.generations.submit(given);
    const priority = submitted.kind === "accepted" ? submitted.priority : 0;
    // The last of them finds that all are moved.
    await startNext(queue, 3);
    await queue.lanes.add(lane, given.id, priority);
    expect((await lineOf(queue)).at(-1)).toBe(given.id);
    await startNext(queue, 1);
    expect(await lineOf(queue)).toEqual([given.id, ...acme.slice(4)]);
  });

  test.each<[string, Rerun]>([
    ["the end of a pause", 1],
    ["a rate limit", "in line"],
  ])("puts a job in its place that comes back after %s, and was held while the base was raised", async (_, rerun) => {
    const queue = await openQueue();
    const { redis, keys } = queue;
    await comeTo(queue, beforeRaise - 2);
    const begun: string[] = [];
    const isHeld = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const connection = connectWorker(testRedisUrl(), () => {});
    const [held = ""] = await submit(queue, "acme", 40);
    const { close } = workOffLane(
      { redis: connection, keys, lane, concurrency: 1, lockDurationMs: 5_000, log: silent },
      async (id) => {
        await queue.attempts.start(id, lane);
        begun.push(id);
        if (begun.length > 1) return null;
        isHeld.resolve();
        await released.promise;
        // It comes back before the others are begun, and would be last with the priority that it had.
        return rerun;
      },
    );
    onTestFinished(async () => {
      await close(1_000);
      connection.disconnect();
    });
    await isHeld.promise;
    await startNext(queue, 5);
    expect(Number(await redis.hget(keys.ranks(lane), ":base"))).toBeGreaterThan(0);
    released.resolve();
    await expect.poll(() => begun.length).toBeGreaterThan(4);
    expect(begun.slice(1, 5)).toContain(held);
  });

  test("goes on behind a job whose record is gone, or cannot be read", async () => {
    const queue = await openQueue();
    const { redis, keys } = queue;
    await comeTo(queue, beforeRaise);
    const acme = await submit(queue, "acme", 10);
    const [gone = "", unreadable = ""] = await submit(queue, "acme", 2);
    const beta = await submit(queue, "beta", 1);
    await redis.del(keys.record(gone), keys.record(unreadable));
    await redis.set(keys.record(unreadable), "of another type");
    await startNext(queue, 1);
    // They are first, so that a worker finds out what becomes of them.
    expect(new Set((await lineOf(queue)).slice(0, 2))).toEqual(new Set([gone, unreadable]));
    expect((await lineOf(queue)).slice(2)).toEqual([...beta, ...acme.slice(1)]);
    await redis.del(keys.record(unreadable));
  });

  test("finds its order again after its ranks were lost", async () => {
    const queue = await openQueue();
    const { redis, keys } = queue;
    await comeTo(queue, beforeRaise);
    const acme = await submit(queue, "acme", 50);
    await startNext(queue, 2);
    await redis.del(keys.ranks(lane));
    await submit(queue, "beta", 1);
    // All of it is moved again, in three steps.
    await startNext(queue, 1);
    expect(await lineOf(queue)).toEqual(acme.slice(2));
    await startNext(queue, 6);
    expect(await lineOf(queue)).toEqual(acme.slice(8));
    const [gamma] = await submit(queue, "gamma", 1);
    expect(await lineOf(queue)).toEqual([...acme.slice(8, 9), gamma, ...acme.slice(9)]);
  });
});
