import { once } from "node:events";
import { redisTime } from "@darkroom/redis";
import { describe, expect, test } from "vitest";
import { bill, delivery, free, openQueue } from "../queue.fixture.ts";
import type { Attempt, Outcome } from "./outcome.ts";
import type { AttemptEnding } from "./run-attempt.ts";

const done = { kind: "succeeded", delivery } as const;
const retry = { kind: "retry", error: { code: "upstream_error", message: "Busy." } } as const;

describe("a job ends in one of four ways:", () => {
  test("done", async () => {
    const queue = await openQueue();
    queue.worker(async () => done);
    const record = await run(queue);
    expect(record).toMatchObject({ status: "succeeded", attempts: 1, delivery });
    await queue.expectNothingButRecords();
  });

  test("never again", async () => {
    const queue = await openQueue();
    const error = { code: "moderation_blocked", message: "No." } as const;
    queue.worker(async () => ({ kind: "failed", error }));
    expect(await run(queue)).toMatchObject({ status: "failed", attempts: 1, error });
    await queue.expectNothingButRecords();
  });

  test("try again, until the tries are used up", async () => {
    const queue = await openQueue();
    queue.worker(async () => retry);
    expect(await run(queue)).toMatchObject({ status: "failed", attempts: 3, failures: 2, error: retry.error });
    await queue.expectNothingButRecords();
  });

  test("try again after the time that the upstream named", async () => {
    const queue = await openQueue();
    const startsMs: number[] = [];
    queue.worker(async ({ record }) => {
      startsMs.push(Date.now());
      return record.failures === 0 ? { ...retry, retryAfterMs: 300 } : done;
    });
    expect(await run(queue)).toMatchObject({ status: "succeeded", attempts: 2, failures: 1 });
    const [first = 0, second = 0] = startsMs;
    expect(second - first).toBeGreaterThanOrEqual(300);
  });
});

describe("an ending that is written is told of, with", () => {
  const refused = { kind: "failed", error: { code: "moderation_blocked", message: "No." } } as const;
  const nothing = { status: "failed", bill: null, unbilled: false } as const;
  const unbilled = { status: "failed", bill: null, unbilled: true } as const;

  test.each<[string, Outcome, AttemptEnding]>([
    ["its bill", done, { status: "succeeded", bill, unbilled: false }],
    ["none, where the provider refused", { ...refused, nothingCharged: true }, nothing],
    ["none, where no try can have been charged", retry, nothing],
    ["none, though something may have been charged", refused, unbilled],
  ])("%s", async (_, outcome, ending) => {
    const queue = await openQueue();
    const told: AttemptEnding[] = [];
    queue.worker(async () => outcome, { onEnding: (_record, one) => void told.push(one) });
    await run(queue);
    await expect.poll(() => told).toEqual([ending]);
  });

  test("none, though an attempt before the refusal may have been charged: it was broken off", async () => {
    const queue = await openQueue();
    const told: AttemptEnding[] = [];
    const { id, lane } = await brokenOff(queue);
    queue.worker(async () => ({ ...refused, nothingCharged: true }), {
      onEnding: (_record, ending) => void told.push(ending),
    });
    await queue.lanes.add(lane, id, 1);
    await expect.poll(() => told).toEqual([unbilled]);
  });
});

test("an ending that came second is not reported", async () => {
  const queue = await openQueue();
  const told: AttemptEnding[] = [];
  const worker = queue.worker(
    async ({ record }) => {
      await queue.generations.cancel(record.id, record.lane);
      return done;
    },
    { onEnding: (_record, ending) => void told.push(ending) },
  );
  expect(await run(queue)).toMatchObject({ status: "canceled" });
  await worker.close(1_000);
  expect(told).toEqual([]);
});

test("what was delivered before the tries ran out is not thrown away", async () => {
  const queue = await openQueue();
  queue.worker(async () => ({ ...retry, partial: delivery }));
  expect(await run(queue)).toMatchObject({ status: "succeeded", attempts: 3, delivery });
});

test("a fault of our own fails the generation and shows no internals", async () => {
  const queue = await openQueue();
  queue.worker(async () => {
    throw new Error("password=hunter2");
  });
  const record = await run(queue);
  expect(record?.error).toEqual({ code: "server_error", message: expect.not.stringContaining("hunter2") });
});

test("what an upstream says of the caller's request stands in the record, and not in the log", async () => {
  const logged: string[] = [];
  const line = (fields: object, sentence: string) => void logged.push(`${JSON.stringify(fields)} ${sentence}`);
  const queue = await openQueue({ log: { debug: line, info: line, warn: line, error: line } });
  const error = { code: "invalid_request_error", message: "Invalid value: 'the user of acme'." } as const;
  queue.worker(async () => ({ kind: "failed", error }), { log: { debug: line, info: line, warn: line, error: line } });
  expect(await run(queue)).toMatchObject({ status: "failed", error });
  await expect.poll(() => logged.join("\n")).toMatch(/"code":"invalid_request_error".*The generation failed/);
  expect(logged.join("\n")).not.toContain("the user of acme");
});

test("a generation submitted twice runs once", async () => {
  const queue = await openQueue();
  let runs = 0;
  const given = queue.submission();
  await queue.submit(given);
  await queue.submit(given);
  queue.worker(async () => {
    runs++;
    return done;
  });
  await ended(queue, given.id);
  await run(queue);
  expect(runs).toBe(2);
});

test("a tenant with many waiting does not delay one with few", async () => {
  const queue = await openQueue();
  for (let i = 0; i < 20; i++) await queue.submit(queue.submission({ tenant: "many" }));
  const few = queue.submission({ tenant: "few" });
  await queue.submit(few);
  const order: string[] = [];
  queue.worker(
    async ({ record }) => {
      order.push(record.tenant);
      return done;
    },
    { concurrency: 1 },
  );
  await ended(queue, few.id);
  expect(order.indexOf("few")).toBeLessThanOrEqual(1);
});

test("a worker that stops lets running work finish", async () => {
  const queue = await openQueue();
  const begun = new EventTarget();
  const work = Promise.withResolvers<typeof done>();
  const worker = queue.worker(() => {
    begun.dispatchEvent(new Event("begun"));
    return work.promise;
  });
  const given = queue.submission();
  const beginning = once(begun, "begun");
  await queue.submit(given);
  await beginning;
  const closed = worker.close(10_000);
  work.resolve(done);
  await closed;
  expect(await queue.generations.read(given.id)).toMatchObject({ status: "succeeded" });
});

test("a worker whose deadline passes gives its work back, and another finishes it without a wait for the lock", async () => {
  const queue = await openQueue();
  const begun = Promise.withResolvers<void>();
  const stubborn = queue.worker(
    ({ signal }) => {
      begun.resolve();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    },
    { lockDurationMs: 60_000 },
  );
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  await stubborn.close(1);
  expect(await queue.generations.read(given.id)).toMatchObject({ status: "queued", handbacks: 1 });
  const repeats: boolean[] = [];
  const second = async ({ mayRepeat }: Attempt) => {
    repeats.push(mayRepeat);
    return done;
  };
  queue.worker(second, { lockDurationMs: 60_000 });
  expect(await ended(queue, given.id)).toMatchObject({ status: "succeeded", attempts: 2, failures: 0 });
  // What the first had asked a provider for may have been bought.
  expect(repeats).toEqual([true]);
});

describe("a worker that must begin nothing", () => {
  test("puts a job back unbegun, and another worker takes it", async () => {
    const queue = await openQueue();
    const asked = Promise.withResolvers<void>();
    const begun: string[] = [];
    const work = (name: string) => async () => {
      begun.push(name);
      return done;
    };
    queue.worker(work("barred"), {
      mayBegin: async () => {
        asked.resolve();
        return false;
      },
    });
    const given = queue.submission();
    await queue.submit(given);
    await asked.promise;
    queue.worker(work("free"));
    expect(await ended(queue, given.id)).toMatchObject({ status: "succeeded", attempts: 1, handbacks: 0 });
    expect(begun).toEqual(["free"]);
  });

  test("takes no job while it is paused, is not stuck, and takes the next when it is resumed", async () => {
    const queue = await openQueue();
    const worker = queue.worker(async () => done);
    await run(queue);
    worker.pause();
    // A fetch that was under way may still bring one job; the one that follows waits.
    const first = queue.submission();
    await queue.submit(first);
    const second = queue.submission();
    await queue.submit(second);
    await expect.poll(() => queue.lanes.depth(second.lane)).toMatchObject({ waiting: expect.toSatisfy((n) => n > 0) });
    expect(await worker.stuck()).toBeNull();
    worker.resume();
    expect(await ended(queue, first.id)).toMatchObject({ status: "succeeded" });
    expect(await ended(queue, second.id)).toMatchObject({ status: "succeeded" });
  });

  test("stops while it is paused", async () => {
    const queue = await openQueue();
    const worker = queue.worker(async () => done);
    await worker.ready();
    worker.pause();
    await expect(worker.close(10_000)).resolves.toBeUndefined();
  });
});

test("a generation that keeps killing workers is exhausted, and its work is told", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.generations.submit(given);
  for (let crash = 0; crash < 3; crash++) await queue.attempts.start(given.id, given.lane);
  const told: Pick<Attempt, "mayRepeat" | "exhausted">[] = [];
  queue.worker(async ({ mayRepeat, exhausted }) => {
    told.push({ mayRepeat, exhausted });
    return done;
  });
  await queue.lanes.add(given.lane, given.id, 1);
  await ended(queue, given.id);
  expect(told).toEqual([{ mayRepeat: true, exhausted: { code: "server_error", message: expect.any(String) } }]);
});

describe("the images of an attempt that another has overtaken", () => {
  const noted = (key: string) => ({
    ...delivery,
    images: delivery.images.map((image) => Object.assign({}, image, { key })),
  });

  /** A generation whose first attempt has noted and stored an image, and goes on once `end` is called. */
  async function overtaken(queue: Queue) {
    const begun = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const worker = queue.worker(async ({ checkpoint }) => {
      await checkpoint(noted("a/1-0.png"), []);
      begun.resolve();
      await mayEnd.promise;
      return { kind: "succeeded", delivery: noted("a/1-0.png") };
    });
    const given = queue.submission();
    await queue.submit(given);
    await begun.promise;
    await queue.attempts.start(given.id, given.lane);
    return { ...given, end: mayEnd.resolve, worker };
  }

  test("are removed when it comes back and the other has delivered its own", async () => {
    const queue = await openQueue();
    const { id, lane, end } = await overtaken(queue);
    await queue.attempts.checkpoint(id, 2, noted("a/2-0.png"));
    await queue.attempts.succeed(id, lane, 2, noted("a/2-0.png"), bill);
    end();
    await expect.poll(() => queue.droppedObjects).toEqual(["a/1-0.png"]);
    expect(await queue.generations.read(id)).toMatchObject({ attempts: 2, delivery: noted("a/2-0.png") });
  });

  test("stay where the other has delivered them", async () => {
    const queue = await openQueue();
    const { id, lane, end, worker } = await overtaken(queue);
    await queue.attempts.succeed(id, lane, 2, noted("a/1-0.png"), bill);
    end();
    await worker.close(1_000);
    expect(queue.droppedObjects).toEqual([]);
  });

  test("are removed where the record is gone", async () => {
    const queue = await openQueue();
    const { id, end } = await overtaken(queue);
    await queue.redis.del(queue.keys.record(id));
    end();
    await expect.poll(() => queue.droppedObjects).toEqual(["a/1-0.png"]);
  });
});

test("a job that comes before the pause of its generation is over waits for the rest of it", async () => {
  const queue = await openQueue();
  const begunAtMs: number[] = [];
  queue.worker(async ({ record }) => {
    begunAtMs.push(await redisTime(queue.redis));
    return record.failures > 0 ? done : { ...retry, retryAfterMs: 700 };
  });
  const given = queue.submission();
  await queue.submit(given);
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "queued", failures: 1 });
  await expect.poll(() => queue.lanes.find(given.lane, given.id)).toBe("waiting");
  const paused = await queue.generations.read(given.id);
  // So a job comes back that BullMQ takes from a worker that died, or whose time a clock that is ahead has ended.
  await queue.lanes.remove(given.lane, given.id);
  await queue.lanes.add(given.lane, given.id, 1);
  expect(await ended(queue, given.id)).toMatchObject({ status: "succeeded", attempts: 2, failures: 1 });
  expect(begunAtMs[1]).toBeGreaterThanOrEqual(paused?.resumesAtMs ?? Infinity);
});

test("a cancellation that comes too late, when the generation was queued and begun again, does not leave it without a job", async () => {
  const queue = await openQueue();
  const begun = Promise.withResolvers<void>();
  const worker = queue.worker(async ({ record, signal }) => {
    if (record.attempts > 1) return done;
    begun.resolve();
    await once(signal, "abort");
    throw new Error("Broken off");
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  worker.cancel(given.id);
  expect(await ended(queue, given.id)).toMatchObject({ status: "succeeded", attempts: 2, handbacks: 1 });
  await queue.expectNothingButRecords();
});

describe("a generation that its owner queues again while a worker still holds its job runs again at once", () => {
  const failure = { code: "upstream_error", message: "No." } as const;
  const limited = { kind: "retry", error: failure, rateLimited: "wholly", retryAfterMs: 1 } as const;

  test.each<[string, Outcome]>([
    ["succeeds", done],
    ["fails", { kind: "failed", error: failure }],
    ["is to be tried again", retry],
    ["was refused by the rate limit", limited],
  ])("when its canceled attempt %s", async (_, outcome) => {
    const queue = await openQueue();
    // No recovery runs here, which would put a lost job back.
    queue.worker(async ({ record: { id, lane, tenant, attempts } }) => {
      if (attempts > 1) return done;
      await queue.generations.cancel(id, lane);
      await requeue(queue, { id, lane, tenant });
      return outcome;
    });
    const given = queue.submission();
    await queue.submit(given);
    const read = () => queue.generations.read(given.id);
    await expect.poll(read).toMatchObject({ status: "succeeded", attempts: 2 });
    await queue.expectNothingButRecords();
  });

  test("when its failure has just been written", async () => {
    const queue = await openQueue();
    const { fail } = queue.attempts;
    const attempts: typeof queue.attempts = {
      ...queue.attempts,
      async fail(id, lane, ...rest) {
        const verdict = await fail(id, lane, ...rest);
        await requeue(queue, { id, lane, tenant: "acme" });
        return verdict;
      },
    };
    const work = async ({ record }: Attempt): Promise<Outcome> =>
      record.attempts > 1 ? done : { kind: "failed", error: failure };
    queue.worker(work, { attempts });
    const given = queue.submission();
    await queue.submit(given);
    const read = () => queue.generations.read(given.id);
    await expect.poll(read).toMatchObject({ status: "succeeded", attempts: 2 });
    await queue.expectNothingButRecords();
  });
});

type Queue = Awaited<ReturnType<typeof openQueue>>;

/** Queues an ended generation again, as its owner does. While a worker holds its job, BullMQ adds no other. */
async function requeue(
  { generations, lanes }: Queue,
  { id, lane, tenant }: { id: string; lane: string; tenant: string },
) {
  const { kind } = await generations.retry(id, lane, tenant, free);
  expect(kind).toBe("accepted");
  await lanes.add(lane, id, 1);
}

/** A generation whose first worker gave it back. */
async function brokenOff(queue: Queue) {
  const given = queue.submission();
  await queue.generations.submit(given);
  await queue.attempts.start(given.id, given.lane);
  await queue.attempts.breakOff(given.id, given.lane, 1);
  return given;
}

async function run(queue: Queue) {
  const given = queue.submission();
  await queue.submit(given);
  return ended(queue, given.id);
}

async function ended(queue: Queue, id: string) {
  const waits = await queue.waits(undefined, 10);
  await waits.wait(id).ended;
  return queue.generations.read(id);
}
