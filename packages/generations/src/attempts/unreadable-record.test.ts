import { expect, test, vi } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";
import type { Work } from "./outcome.ts";
import { UnreadableRecord } from "../records/unreadable-record.ts";

const readable = { model: "m-2", parameters: { n: 1 } };
const ofTomorrow = { model: "m-2", parameters: { n: 1, from_tomorrow: true } };

/** A generation on its lane whose record says something that a newer release has put there. */
async function openUnreadable(fields: Record<string, string>) {
  const log = { debug() {}, info() {}, warn() {}, error: vi.fn<(fields: object, sentence: string) => void>() };
  const queue = await openQueue({ log });
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.redis.hset(queue.keys.record(given.id), { of_tomorrow: "1", ...fields });
  await queue.lanes.add(given.lane, given.id, 1);
  const work = vi.fn<Work>(async () => ({ kind: "succeeded", delivery }));
  return { ...queue, ...given, work, log };
}

test("what cannot be read is not begun, is logged once, and is run when it can be read", async () => {
  const queue = await openUnreadable({ upstream: JSON.stringify(ofTomorrow) });
  const { id, lane, work, log, redis, keys, lanes } = queue;
  await expect(queue.attempts.start(id, lane)).rejects.toThrow(UnreadableRecord);
  queue.worker(work, { log });
  // BullMQ counts how often a worker has taken the job.
  const taken = async () => Number(await redis.hget(`${keys.lanes}:${lane}:${id}`, "ats"));
  await expect.poll(taken).toBeGreaterThanOrEqual(3);
  expect(await redis.hmget(keys.record(id), "status", "attempts", "version")).toEqual(["queued", null, "1"]);
  expect(work).not.toHaveBeenCalled();
  expect(log.error).toHaveBeenCalledOnce();
  expect(await queue.quarantine.list({ limit: 10 })).toMatchObject([
    {
      kind: "attempt",
      subject: id,
      fields: { status: "queued", request: expect.stringContaining("bytes") },
      droppable: false,
    },
  ]);

  await redis.hset(keys.record(id), "upstream", JSON.stringify(readable));
  await expect.poll(() => queue.generations.read(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  await expect.poll(() => lanes.find(lane, id)).toBeNull();
  await queue.expectNothingButRecords();
  expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
});

test("an attempt before it that notes what cannot be read costs no attempt", async () => {
  const queue = await openUnreadable({});
  const { id, lane, attempts, redis, keys, generations } = queue;
  await attempts.start(id, lane);
  const noted = queue.redis.hgetallBuffer.bind(queue.redis);
  vi.spyOn(queue.redis, "hgetallBuffer").mockImplementationOnce(async (key) => {
    const hash = await noted(key);
    await redis.hset(keys.record(id), "delivery", "{}");
    return hash;
  });
  await expect(attempts.start(id, lane)).rejects.toThrow(UnreadableRecord);
  await redis.hdel(keys.record(id), "delivery");
  expect(await generations.read(id)).toMatchObject({ status: "queued", attempts: 2, handbacks: 1, failures: 0 });
});

test("a value of the request that only a newer release knows is kept as it is", async () => {
  const request = { prompt: "a cat", response_format: "data_url", of_tomorrow: 1 };
  const queue = await openUnreadable({ request: JSON.stringify(request) });
  queue.worker(queue.work);
  await expect
    .poll(() => queue.generations.read(queue.id))
    .toMatchObject({ status: "succeeded", attempts: 1, request });
});

test("a failure with a code that only a newer release knows is read as one of ours", async () => {
  const error = JSON.stringify({ code: "code_of_tomorrow", message: "It broke." });
  const { generations, id } = await openUnreadable({ status: "failed", error });
  expect(await generations.read(id)).toMatchObject({ error: { code: "server_error", message: "It broke." } });
});

test("a record that changes while it is read is read again before an attempt begins", async () => {
  const { id, lane, tenant, admission, generations, attempts, redis } = await openUnreadable({});
  const read = redis.hgetallBuffer.bind(redis);
  vi.spyOn(redis, "hgetallBuffer").mockImplementationOnce(async (key) => {
    const hash = await read(key);
    await generations.cancel(id, lane);
    await generations.retry(id, lane, tenant, { ...admission, worstCaseMicros: 7 });
    return hash;
  });
  expect(await attempts.start(id, lane)).toMatchObject({ attempts: 1, version: 4, reservedMicros: 7 });
});

test("a record with fields and values that only a newer release knows is shown, listed and canceled", async () => {
  const { id, lane, generations, redis, keys } = await openUnreadable({ upstream: JSON.stringify(ofTomorrow) });
  const request = { prompt: "a cat", response_format: "data_url", of_tomorrow: 1 };
  await redis.hset(keys.record(id), { status: "paused_of_tomorrow", request: JSON.stringify(request) });
  const shown = { id, status: "paused_of_tomorrow", upstream: ofTomorrow, request };
  expect(await generations.read(id)).toMatchObject(shown);
  expect(await generations.list({ tenant: "acme", limit: 10 })).toMatchObject({ records: [shown], unreadable: [] });
  await redis.hset(keys.record(id), "status", "queued");
  expect(await generations.cancel(id, lane)).toBe("queued");
  expect(await generations.read(id)).toMatchObject({ status: "canceled" });
});
