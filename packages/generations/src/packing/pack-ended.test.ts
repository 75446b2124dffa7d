import { startRedis } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { bill, delivery, openLossyConnection, openQueue, type TestQueue } from "../queue.fixture.ts";
import type { Submission } from "../records/submission.ts";
import { decodeRecord } from "../records/generation-record.ts";
import { UnreadableRecord } from "../records/unreadable-record.ts";
import { createPackRecord, unpackRecord } from "./pack-ended.ts";

const failure = { code: "upstream_error", message: "It broke." } as const;
const worded = { model: "m", prompt: "ein Kätzchen, 猫, \t and \n", job: { metadata: { order: "17", empty: "" } } };
const deliveryOf = (key: string) => ({ ...delivery, images: delivery.images.map((image) => ({ ...image, key })) });

/** A generation that has ended, and the function that packs its record. */
async function openEnded(over: Partial<Submission> = {}, ends: "succeeded" | "failed" = "succeeded") {
  const queue = await openQueue();
  const given = queue.submission({ request: worded, ...over });
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  if (ends === "failed") await queue.attempts.fail(given.id, given.lane, 1, failure);
  else {
    await queue.attempts.checkpoint(given.id, 1, deliveryOf("a/first.png"));
    await queue.attempts.succeed(given.id, given.lane, 1, delivery, bill);
  }
  return { ...queue, ...given, pack: () => createPackRecord(queue.redis, queue.keys)(given.id) };
}

const isPacked = async ({ redis, keys }: TestQueue, id: string) =>
  (await redis.hexists(keys.record(id), "packed")) === 1;

/** Puts the ending of all generations so far back, as if it was longer ago than a record is left alone. */
async function passTheFirstMoments({ redis, keys }: TestQueue) {
  for (const id of await redis.zrange(keys.retained, "0", "-1")) await redis.zincrby(keys.retained, -2_000, id);
}

describe("a packed record", () => {
  test("says all that it said, and takes a quarter of the memory", async () => {
    const prompt =
      "A watercolor painting of a red lighthouse on a rocky coast at dawn, a lone seagull above the tower. ";
    const queue = await openEnded({ request: { ...worded, prompt: prompt.repeat(3) } });
    const { generations, redis, keys, id, pack } = queue;
    await generations.leave(id, queue.lane, "", "answered");
    const before = await generations.read(id);
    const bytesBefore = await redis.memory("USAGE", keys.record(id), "SAMPLES", 0);
    await pack();
    expect(await isPacked(queue, id)).toBe(true);
    expect(await generations.read(id)).toEqual(before);
    expect(await redis.object("ENCODING", keys.record(id))).toMatch(/^(listpack|ziplist)$/);
    expect(Number(await redis.memory("USAGE", keys.record(id), "SAMPLES", 0))).toBeLessThan(Number(bytesBefore) / 4);
  });

  test("of the longest prompt is one piece, and says all that it said", async () => {
    const prompt = Array.from({ length: 32_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * i * 7_919) % 20_000)));
    const queue = await openEnded({ request: { prompt: prompt.join("") } });
    const before = await queue.generations.read(queue.id);
    await queue.pack();
    expect(await queue.redis.hexists(queue.keys.record(queue.id), "1")).toBe(0);
    expect(await queue.generations.read(queue.id)).toEqual(before);
  });

  test("is in the lists of its tenant", async () => {
    const { generations, id, pack } = await openEnded();
    const before = await generations.list({ tenant: "acme", limit: 10, status: "succeeded", model: "m" });
    await pack();
    expect(before?.records.map((one) => one.id)).toEqual([id]);
    expect(await generations.list({ tenant: "acme", limit: 10, status: "succeeded", model: "m" })).toEqual(before);
  });

  test("is queued again with its request, and drawn", async () => {
    const queue = await openEnded({}, "failed");
    const { generations, id, lane } = queue;
    await queue.pack();
    expect(await generations.retry(id, lane, "acme", queue.admission)).toMatchObject({ kind: "accepted" });
    expect(await generations.read(id)).toMatchObject({ status: "queued", request: worded, upstream: queue.upstream });
    await queue.recovery().tick();
    queue.worker(async ({ record }) => {
      expect(record).toMatchObject({ request: worded, upstream: queue.upstream, attempts: 2 });
      return { kind: "succeeded", delivery };
    });
    await expect.poll(() => generations.read(id)).toMatchObject({ status: "succeeded" });
    await queue.expectNothingButRecords();
  });

  test("whose images are gone is queued again, and all objects of both lives are dropped with it", async () => {
    const queue = await openEnded();
    const { generations, attempts, id, lane } = queue;
    await queue.pack();
    const goneVersion = (await generations.read(id))?.version;
    expect(await generations.retry(id, lane, "acme", queue.admission)).toEqual({ kind: "succeeded" });
    expect(await isPacked(queue, id), "a refused retry leaves it packed").toBe(true);
    expect(await generations.retry(id, lane, "acme", queue.admission, { goneVersion })).toMatchObject({
      kind: "accepted",
    });
    await attempts.start(id, lane);
    await attempts.succeed(id, lane, 2, deliveryOf("a/second.png"), bill);
    await queue.pack();
    expect(await attempts.deliveredKeys(id)).toEqual(["a/second.png"]);
    await queue.redis.zadd(queue.keys.retained, 1, id);
    await queue.removal().tick();
    expect(queue.droppedObjects.toSorted()).toEqual(["a/0.png", "a/first.png", "a/second.png"]);
    expect(await queue.redis.exists(queue.keys.tenantMemory)).toBe(0);
  });

  test("that was queued again is packed after its next ending, too", async () => {
    const queue = await openEnded({}, "failed");
    const { generations, id, lane } = queue;
    await queue.pack();
    await generations.retry(id, lane, "acme", queue.admission);
    await generations.cancel(id, lane);
    await passTheFirstMoments(queue);
    await queue.recovery().tick();
    expect(await isPacked(queue, id)).toBe(true);
    expect(await generations.read(id)).toMatchObject({ status: "canceled", request: worded, error: null });
  });

  test("says to an older release that it has objects where only an earlier life noted some", async () => {
    const queue = await openEnded();
    const { generations, attempts, redis, keys, id, lane } = queue;
    const goneVersion = (await generations.read(id))?.version;
    await generations.retry(id, lane, "acme", queue.admission, { goneVersion });
    await attempts.start(id, lane);
    await attempts.fail(id, lane, 2, failure);
    const before = await generations.read(id);
    await queue.pack();
    // The older release removes the record with the objects of these two fields.
    expect(await redis.hmget(keys.record(id), "delivery", "superseded")).toEqual(["?", null]);
    expect(await generations.read(id)).toEqual(before);
    await unpackRecord(redis, keys, id);
    expect(await generations.read(id)).toEqual(before);
    await queue.pack();
    await redis.zadd(keys.retained, 1, id);
    await queue.removal().tick();
    expect(queue.droppedObjects.toSorted()).toEqual(["a/0.png", "a/first.png"]);
  });

  test("with an idempotency key is what the key stands for, until and after a retry", async () => {
    const queue = await openEnded({ idempotencyKey: "order-17" }, "failed");
    const { generations, id, lane, submission } = queue;
    await queue.pack();
    const again = (request: Submission["request"] = worded) =>
      generations.submit(submission({ idempotencyKey: "order-17", request }));
    expect(await again()).toEqual({ kind: "attached", id });
    expect(await again({ prompt: "a dog" })).toEqual({ kind: "mismatch", id });
    await generations.retry(id, lane, "acme", queue.admission);
    expect(await again()).toEqual({ kind: "attached", id });
    expect(await queue.redis.pttl(queue.keys.claim("key", await digest(queue)))).toBe(-1);
  });

  test("cannot be read by a release that does not know it, which keeps it and its images", async () => {
    const { redis, keys, id, pack } = await openEnded();
    await pack();
    const hash = await redis.hgetall(keys.record(id));
    expect(() => decodeRecord(hash)).toThrow(UnreadableRecord);
    expect(() => JSON.parse(hash["delivery"] ?? "{}") as unknown).toThrow(SyntaxError);
  });

  test("that is damaged is unreadable, as any other", async () => {
    const { redis, keys, id, pack, generations } = await openEnded();
    await pack();
    await redis.hset(keys.record(id), "0", "x");
    await expect(generations.read(id)).rejects.toThrow(UnreadableRecord);
  });
});

async function digest({ redis, keys }: TestQueue): Promise<string> {
  const [name = ""] = await redis.keys(keys.claim("key", "*"));
  return name.slice(keys.claim("key", "").length);
}

describe("what is not packed", () => {
  test("is a generation that has not ended", async () => {
    const queue = await openQueue();
    const given = queue.submission();
    await queue.generations.submit(given);
    await createPackRecord(queue.redis, queue.keys)(given.id);
    expect(await isPacked(queue, given.id)).toBe(false);
  });

  test("is a record of a release that did not pack", async () => {
    const queue = await openEnded();
    await queue.redis.hdel(queue.keys.record(queue.id), "mayPack");
    await passTheFirstMoments(queue);
    await queue.recovery().tick();
    expect(await isPacked(queue, queue.id)).toBe(false);
  });

  test("is a record that has changed since it was read, by a retry and another ending", async () => {
    const queue = await openEnded({}, "failed");
    const { redis, keys, generations, id, lane } = queue;
    const stale = new Proxy(redis, {
      get(target, name) {
        if (name !== "hgetall") return Reflect.get(target, name, target) as unknown;
        return async (key: string) => {
          const hash = await redis.hgetall(key);
          await generations.retry(id, lane, "acme", queue.admission);
          await generations.cancel(id, lane);
          return hash;
        };
      },
    });
    await createPackRecord(stale, keys)(id);
    expect(await isPacked(queue, id)).toBe(false);
    expect(await generations.read(id)).toMatchObject({ status: "canceled", error: null, request: worded });
  });
});

describe("recovery", () => {
  test("packs what has ended, once its first moments are over", async () => {
    const queue = await openEnded();
    await queue.recovery({ leftAloneMs: 600_000 }).tick();
    expect(await isPacked(queue, queue.id)).toBe(false);
    await untilPacked(queue);
  });

  test("packs all of a page that ended at one time, and those after it", async () => {
    const queue = await openQueue();
    const { redis, keys, generations } = queue;
    const ids = Array.from({ length: 450 }, () => queue.submission());
    for (const given of ids) await generations.submit(given);
    for (const { id, lane } of ids) await generations.cancel(id, lane);
    const time = Date.now() + 50_000;
    for (const [i, { id }] of ids.entries()) await redis.zadd(keys.retained, i < 300 ? time : time + i, id);
    await queue.recovery().tick();
    expect(await Promise.all(ids.map(({ id }) => isPacked(queue, id)))).toEqual(ids.map(() => true));
  });

  test("goes on though the retention was shortened", async () => {
    const queue = await openEnded();
    const { redis, keys, id } = queue;
    await redis.set(keys.packedUntil, Date.now() + 86_400_000);
    await queue.recovery({ leftAloneMs: 0 }).tick();
    await redis.zadd(keys.retained, Number(await redis.get(keys.packedUntil)) + 1, id);
    expect(await isPacked(queue, id)).toBe(false);
    await untilPacked(queue);
  });

  test("packs in a Redis at its memory limit, which makes room", async () => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const queue = await openQueue({ url: server.url });
    const given = queue.submission();
    await queue.generations.submit(given);
    await queue.generations.cancel(given.id, given.lane);
    await queue.redis.config("SET", "maxmemory", 1);
    await createPackRecord(queue.redis, queue.keys)(given.id);
    await queue.redis.config("SET", "maxmemory", 0);
    expect(await isPacked(queue, given.id)).toBe(true);
    expect(await queue.generations.read(given.id)).toMatchObject({ status: "canceled", request: given.request });
  });
});

async function untilPacked(queue: TestQueue & { id: string }): Promise<void> {
  const recovery = queue.recovery({ leftAloneMs: 0 });
  const tick = async () => {
    await recovery.tick();
    return isPacked(queue, queue.id);
  };
  await expect.poll(tick).toBe(true);
}

test("packing and unpacking whose answers are lost are done once", async () => {
  const queue = await openEnded({}, "failed");
  const { redis, loseAnswer } = await openLossyConnection();
  const before = await queue.generations.read(queue.id);
  // Every script is sent by its digest, so Redis has to know it before an answer is lost.
  const other = await openEnded();
  await other.pack();
  await unpackRecord(other.redis, other.keys, other.id);
  const packed = loseAnswer("mayBeCharged");
  await Promise.all([createPackRecord(redis, queue.keys)(queue.id), packed]);
  expect(await isPacked(queue, queue.id)).toBe(true);
  expect(await queue.generations.read(queue.id)).toEqual(before);
  const unpacked = loseAnswer("billUndelivered");
  await Promise.all([unpackRecord(redis, queue.keys, queue.id), unpacked]);
  expect(await isPacked(queue, queue.id)).toBe(false);
  expect(await queue.generations.read(queue.id)).toEqual(before);
});
