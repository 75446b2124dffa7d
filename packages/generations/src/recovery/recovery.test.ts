import { once } from "node:events";
import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { delivery, free, openQueue, type TestQueue } from "../queue.fixture.ts";
import type { Submission } from "../records/submission.ts";

const done = async () => ({ kind: "succeeded", delivery }) as const;

test("a record whose job never reached its lane is put there", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
  await queue.recovery().tick();
  expect(await queue.lanes.find(given.lane, given.id)).toBe("waiting");
});

test("a submission of this moment is left to its own process", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.recovery({ queuedAfterMs: 10_000 }).tick();
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
});

test("a running generation whose job is lost is begun again", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await queue.recovery().tick();
  // Its worker may be alive, and learn only now that the lock on the job is gone.
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
  await queue.recovery().tick();
  queue.worker(done);
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("a retry whose job was lost between the record and the lane is put back", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await queue.attempts.postpone(given.id, given.lane, 1, "failures", 0);
  await queue.recovery().tick();
  queue.worker(done);
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 2 });
});

test("a generation that was not begun in its time expires and leaves its lane", async () => {
  const queue = await openQueue();
  const given = queue.submission({ expiresInMs: 1 });
  await queue.submit(given);
  const recovery = queue.recovery();
  await expect
    .poll(async () => {
      await recovery.tick();
      return queue.generations.read(given.id);
    })
    .toMatchObject({ status: "expired" });
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
  await queue.expectNothingButRecords();
});

test.each(["queued", "running"] as const)(
  "an ended generation that is still listed as %s gets no job, and leaves the list",
  async (list) => {
    const queue = await openQueue();
    const { generations, keys, redis, lanes, submission } = queue;
    const { id, lane } = submission();
    await generations.submit(submission({ id }));
    await generations.cancel(id, lane);
    await redis.zadd(keys[list], 1, id);
    await queue.recovery().tick();
    await queue.recovery().tick();
    expect(await lanes.find(lane, id)).toBeNull();
    expect(await redis.zcard(keys[list])).toBe(0);
  },
);

test("a job that an older attempt still holds is looked at again, and not forgotten", async () => {
  const queue = await openQueue();
  const begun = Promise.withResolvers<void>();
  const worker = queue.worker(async ({ record, signal }) => {
    if (record.attempts > 1) return done();
    begun.resolve();
    await once(signal, "abort");
    throw new Error("aborted");
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  await queue.generations.cancel(given.id, given.lane);
  await queue.generations.retry(given.id, given.lane, given.tenant, free);
  const recovery = queue.recovery();
  await recovery.tick();
  worker.cancel(given.id);
  await expect
    .poll(async () => {
      await recovery.tick();
      return queue.generations.read(given.id);
    })
    .toMatchObject({ status: "succeeded", attempts: 2 });
});

test("jobs that could not be put back are put back in the next round", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  const { lanes } = queue;
  const refusing = { ...lanes, addMany: () => Promise.reject(new Error("OOM")) };
  const options = { lookAgainMs: 60_000, claimMs: 1 };
  await expect(queue.recovery({ ...options, lanes: refusing }).tick()).rejects.toThrow(AggregateError);
  const recovery = queue.recovery(options);
  const round = async () => {
    await recovery.tick();
    return lanes.find(given.lane, given.id);
  };
  await expect.poll(round).toBe("waiting");
});

test("a lost job is put back though the next look at it was noted by a clock that was set back since", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.redis.zincrby(queue.keys.queued, 86_400_000, given.id);
  await queue.recovery().tick();
  expect(await queue.lanes.find(given.lane, given.id)).toBe("waiting");
});

/** A generation whose job is lost, of a lane of its own or not. */
async function submitWithoutJob(queue: TestQueue, over: Partial<Submission> = {}) {
  const given = queue.submission(over);
  await queue.generations.submit(given);
  return given;
}

test("records that recovery cannot read do not keep it from the others of their list, or from those that run", async () => {
  const queue = await openQueue();
  const { redis, keys, lanes } = queue;
  for (let i = 0; i < 150; i++) {
    await redis.set(keys.record(`gen_unreadable${i}`), "not a record");
    await redis.zadd(keys.queued, 1, `gen_unreadable${i}`);
  }
  const queued = await submitWithoutJob(queue);
  const running = await submitWithoutJob(queue);
  await queue.attempts.start(running.id, running.lane);
  const recovery = queue.recovery();
  await recovery.tick();
  await recovery.tick();
  expect(await Promise.all([queued, running].map(({ id, lane }) => lanes.find(lane, id)))).toEqual([
    "waiting",
    "waiting",
  ]);
});

test("a record that recovery cannot read is shown to the operator, who may have it looked at again", async () => {
  const queue = await openQueue();
  const { redis, keys, quarantine } = queue;
  const { id } = await submitWithoutJob(queue);
  const ranks = keys.ranks("sandbox.interactive");
  await redis.multi().del(ranks).set(ranks, "of another type").exec();
  await queue.recovery().tick();
  const [entry] = await quarantine.list({ limit: 10 });
  expect(entry).toMatchObject({ kind: "lost-job", subject: id, droppable: false, fields: { status: "queued" } });
  expect(await queue.lanes.find("sandbox.interactive", id)).toBeNull();
  await redis.del(ranks);
  await quarantine.retry(entry?.id ?? "");
  await queue.recovery().tick();
  expect(await queue.lanes.find("sandbox.interactive", id)).toBe("waiting");
});

test("what is noted of a generation leaves the quarantine when it ends", async () => {
  const queue = await openQueue();
  const { id, lane } = await submitWithoutJob(queue);
  for (const kind of ["attempt", "expiry", "lost-job"] as const) {
    await queue.quarantine.setAside({ kind, id, error: new Error("It cannot be read.") });
  }
  await queue.generations.cancel(id, lane);
  expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
});

test("a lane that cannot be looked at does not keep recovery from other lanes, and is told", async () => {
  const queue = await openQueue();
  const { lanes } = queue;
  const broken = await submitWithoutJob(queue, { lane: "not:a:lane" });
  const other = await submitWithoutJob(queue);
  await expect(queue.recovery({ claimMs: 60_000 }).tick()).rejects.toThrow(AggregateError);
  expect(await lanes.find(other.lane, other.id)).toBe("waiting");
  expect(await queue.redis.zscore(queue.keys.queued, broken.id)).not.toBeNull();
});

test("deadlines of records that recovery cannot read, however many, do not keep it from the others", async () => {
  const queue = await openQueue();
  const { redis, keys, generations } = queue;
  for (let i = 0; i < 25; i++) {
    await redis.set(keys.record(`gen_unreadable${i}`), "not a record");
    await redis.zadd(keys.expiring, 1, `gen_unreadable${i}`);
  }
  const given = queue.submission({ expiresInMs: 1 });
  await queue.submit(given);
  const recovery = queue.recovery();
  const round = async () => {
    await recovery.tick();
    return generations.read(given.id);
  };
  await expect.poll(round).toMatchObject({ status: "expired" });
  // They are tried again later.
  expect(await redis.zcount(keys.expiring, Date.now(), "+inf")).toBe(25);
});

test("jobs that are in their places are looked at without a command for each, and none of their records is read", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  const { redis } = queue;
  const began: string[] = [];
  queue.worker(async ({ record, signal }) => {
    began.push(record.id);
    await once(signal, "abort");
    throw new Error("The worker stops.");
  });
  for (let i = 0; i < 300; i++) await queue.submit(queue.submission());
  await expect.poll(() => began.length).toBe(10);
  const recovery = queue.recovery();
  await recovery.tick();
  await redis.config("RESETSTAT");
  await recovery.tick();
  const stats = await redis.info("commandstats");
  const callsOf = (command: string) =>
    Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, "m").exec(stats)?.[1] ?? 0);
  // What the running worker renews meanwhile is of three other kinds.
  const calls = ["exists", "zscore", "zmscore", "hmget", "mget", "zadd", "lpos"].map(callsOf);
  expect(calls.reduce((sum, count) => sum + count, 0)).toBeLessThan(20);
});
