import { setTimeout as pause } from "node:timers/promises";
import { aBatch } from "@darkroom/batches/a-batch-fixture";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { free } from "@darkroom/generations/queue-fixture";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createDeliveryQueue } from "./delivery-queue.ts";
import { delivered, openWebhooks, retry } from "./open-webhooks.fixture.ts";
import { createWebhookSlots } from "./webhook-slots.ts";
import type { WebhookAnswer, WebhookCall } from "./webhook-worker.ts";

describe("an ending", () => {
  test("is told once, and its outbox is empty then", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    await queue.dispatcher.tick();
    await queue.dispatcher.tick();
    const posted = queue.work([delivered]);
    await expect
      .poll(() => queue.webhooks.read(id))
      .toMatchObject({ status: "delivered", attempts: 1, ending: "succeeded" });
    expect(posted).toEqual([id]);
    expect(await queue.redis.exists(queue.keys.outbox, queue.keys.deliveries)).toBe(0);
  });

  test("is as old as the clock of Redis says when it is told, whatever the clock of the machine says", async () => {
    const queue = await openWebhooks();
    await queue.ended();
    await queue.dispatcher.tick();
    const told = Promise.withResolvers<number>();
    const minuteMs = 60_000;
    queue.openWorker({
      nowMs: () => Date.now() + 10 * minuteMs,
      onAnswer: ({ sinceEndingMs }) => told.resolve(sinceEndingMs),
    });
    expect(Math.floor((await told.promise) / minuteMs)).toBe(10);
  });

  test("that two workers find in the outbox at once is told once", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    const found = await queue.redis.zrange(queue.keys.outbox, "0", "-1");
    await queue.dispatcher.tick();
    const posted = queue.work([delivered]);
    await expect.poll(() => queue.webhooks.read(id)).toMatchObject({ status: "delivered" });
    await queue.redis.zadd(queue.keys.outbox, 0, found[0] ?? "");
    await queue.dispatcher.tick();
    expect(await queue.webhooks.read(id)).toMatchObject({ status: "delivered" });
    expect(await queue.redis.exists(queue.keys.outbox, queue.keys.deliveries)).toBe(0);
    expect(posted).toEqual([id]);
  });

  test("whose record only another release can read waits for that release, and those behind it are told", async () => {
    const queue = await openWebhooks();
    const waiting = await queue.ended();
    const told = await queue.ended();
    const record = queue.keys.record(waiting.replace(/^msg_(.*)_3$/, "gen_$1"));
    const delivery = (await queue.redis.hget(record, "delivery")) ?? "";
    await queue.redis.hset(record, "delivery", '{"of_tomorrow":1}');
    await queue.dispatcher.tick();
    expect(await queue.webhooks.read(told)).toMatchObject({ status: "pending" });
    expect(await queue.webhooks.read(waiting)).toBeNull();
    await queue.redis.hset(record, "delivery", delivery);
    await queue.dispatcher.tick();
    expect(await queue.webhooks.read(waiting)).toMatchObject({ status: "pending" });
    expect(await queue.redis.exists(queue.keys.outbox)).toBe(0);
  });

  test("that was not asked for is not told", async () => {
    const queue = await openWebhooks();
    await queue.ended({ webhook_events: ["failed"] });
    expect(await queue.redis.exists(queue.keys.outbox)).toBe(0);
  });

  test("is tried again under the same id until its tries are used up, and is dead then", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    await queue.dispatcher.tick();
    const posted = queue.work([retry]);
    await expect
      .poll(() => queue.webhooks.read(id))
      .toMatchObject({ status: "dead", attempts: 3, lastAnswer: "It answered 500." });
    expect(posted).toEqual([id, id, id]);
  });

  test("whose place in line was lost gets another", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    await queue.dispatcher.tick();
    const lines = ["delivery-tenants", "delivery-origins:acme", "delivery-queue:acme:example.com", "delivery-ranks"];
    expect(await queue.redis.del(lines.map((name) => `${queue.keys.root}${name}`))).toBe(4);
    // As after ten minutes.
    await queue.redis.zadd(queue.keys.deliveries, 0, id);
    queue.work([delivered]);
    await expect.poll(() => queue.webhooks.read(id)).toMatchObject({ status: "delivered" });
  });

  test("that a retry has undone is not told", async () => {
    const queue = await openWebhooks();
    const request = { prompt: "a cat", job: { webhook: "https://example.com/hook" } };
    const given = queue.submission({ request });
    await queue.generations.submit(given);
    await queue.generations.cancel(given.id, given.lane);
    await queue.generations.retry(given.id, given.lane, given.tenant, free);
    await queue.dispatcher.tick();
    const posted = queue.work([delivered]);
    await expect
      .poll(async () => (await queue.webhooks.list({ tenant: "acme", limit: 9 }))?.records)
      .toMatchObject([{ status: "dead", lastAnswer: "The generation was retried and is queued." }]);
    expect(posted).toEqual([]);
  });
});

describe("the ending of a batch", () => {
  async function failed(webhookEvents: readonly ("failed" | "completed")[]) {
    const queue = await openWebhooks();
    const asked = aBatch({ webhook: "https://example.com/hook", webhookEvents });
    const { id } = asked;
    await queue.batches.create(asked);
    await queue.batches.fail(id, []);
    return { queue, batchId: id, id: `msg_${id.slice("batch_".length)}_2` };
  }

  test("is told once, with the batch as it ended", async () => {
    const { queue, batchId, id } = await failed(["failed"]);
    await queue.dispatcher.tick();
    await queue.dispatcher.tick();
    const posted: unknown[] = [];
    queue.openWorker({
      post: async ({ subject }) => {
        posted.push([subject.kind, subject.record.id, subject.record.status]);
        return delivered;
      },
    });
    await expect
      .poll(() => queue.webhooks.read(id))
      .toMatchObject({ status: "delivered", attempts: 1, ending: "failed", batchId });
    expect(posted).toEqual([["batch", batchId, "failed"]]);
    expect(await queue.webhooks.read(id)).not.toHaveProperty("generationId");
    expect(await queue.redis.exists(queue.keys.outbox, queue.keys.deliveries)).toBe(0);
  });

  test("that was not asked for is not told", async () => {
    const { queue } = await failed(["completed"]);
    expect(await queue.redis.exists(queue.keys.outbox)).toBe(0);
  });

  test("whose record is not kept any more is dead", async () => {
    const { queue, batchId, id } = await failed(["failed"]);
    await queue.dispatcher.tick();
    await queue.redis.del(queue.keys.batch(batchId));
    const posted = queue.work([delivered]);
    await expect
      .poll(() => queue.webhooks.read(id))
      .toMatchObject({ status: "dead", lastAnswer: "The batch is not kept any more." });
    expect(posted).toEqual([]);
  });
});

test("an address that answers 410 is sent nothing more, until a delivery to it is replayed", async () => {
  const queue = await openWebhooks();
  const first = await queue.ended();
  await queue.dispatcher.tick();
  const posted = queue.work([{ outcome: "gone", what: "It answered 410." }, delivered]);
  await expect.poll(() => queue.webhooks.read(first)).toMatchObject({ status: "dead" });
  const second = await queue.ended();
  await queue.dispatcher.tick();
  await expect.poll(() => queue.webhooks.read(second)).toMatchObject({ status: "off", attempts: 0 });
  expect(await queue.webhooks.revive(first)).toBe(true);
  await queue.dispatcher.tick();
  await expect.poll(() => queue.webhooks.read(first)).toMatchObject({ status: "delivered" });
  expect(posted).toEqual([first, first]);
});

test("a receiver that hangs holds its own slots and no others", async () => {
  const queue = await openWebhooks();
  const slow = "https://slow.example/hook";
  for (let i = 0; i < 5; i++) await queue.ended({ webhook: slow }, "slow");
  const quick = await queue.ended({ webhook: "https://quick.example/hook" }, "quick");
  await queue.dispatcher.tick();
  const hanging = Promise.withResolvers<WebhookAnswer>();
  let inFlight = 0;
  const worker = queue.openWorker({
    // A quarter of them is for one tenant.
    concurrency: 12,
    perOrigin: 2,
    post: ({ delivery }) => {
      if (delivery.url !== slow) return Promise.resolve(delivered);
      inFlight++;
      return hanging.promise;
    },
  });
  await expect.poll(() => queue.webhooks.read(quick)).toMatchObject({ status: "delivered" });
  expect(inFlight).toBe(2);
  await expect.poll(() => [...worker.slotsByTenant()]).toEqual([["slow", 2]]);
  hanging.resolve(delivered);
  await expect.poll(() => worker.slotsByTenant().size).toBe(0);
});

test("a receiver that accepts webhooks quickly gets more at a time, up to 32, and as few as at first after one that it refuses", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  const record = await queue.generations.read(id.replace(/^msg_(.*)_3$/, "gen_$1"));
  for (let i = 0; i < 120; i++) await queue.waiting("acme");
  const underWay = new Set<(answer: WebhookAnswer) => void>();
  queue.openWorker({
    concurrency: 400,
    perOrigin: 4,
    // All of them tell of the same one.
    generations: { read: async () => record },
    // What is not accepted is not tried again within this test.
    schedule: () => 3_600_000,
    post: async () => {
      const { promise, resolve } = Promise.withResolvers<WebhookAnswer>();
      underWay.add(resolve);
      return promise;
    },
  });
  const answer = (value: WebhookAnswer) => {
    for (const resolve of underWay) resolve(value);
    underWay.clear();
  };
  for (const atATime of [4, 8, 16, 32, 32]) {
    await expect.poll(() => underWay.size).toBe(atATime);
    answer(delivered);
  }
  // 28 are left.
  await expect.poll(() => underWay.size).toBe(28);
  for (let i = 0; i < 12; i++) await queue.waiting("acme");
  answer(retry);
  await expect.poll(() => underWay.size).toBe(4);
  answer(retry);
  await expect.poll(() => underWay.size).toBe(4);
});

test("a worker looks again when a slot is free where something is left in line, and only then", async () => {
  const queue = await openWebhooks();
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  const evalsha = vi.spyOn(redis, "evalsha");
  // Of the scripts that begin with these two keys, only that of a look has so many arguments.
  const looks = () => evalsha.mock.calls.filter((args) => args[2] === queue.keys.deliveries && args.length > 12).length;
  const ids = [await queue.ended(), await queue.ended(), await queue.ended()];
  await queue.dispatcher.tick();
  const posted: string[] = [];
  const post = async ({ delivery }: WebhookCall) => {
    posted.push(delivery.id);
    return delivered;
  };
  const worker = queue.openWorker({ redis, concurrency: 1, everyMs: 3_600_000, post });
  worker.wake();
  await expect.poll(() => posted).toEqual(ids);
  await expect.poll(() => worker.slotsByTenant().size).toBe(0);
  expect(looks()).toBe(3);
});

test("a tenant's deliveries are listed newest first, by status, page by page", async () => {
  const queue = await openWebhooks();
  const [first, second] = [await queue.ended(), await queue.ended()];
  await queue.ended({}, "other");
  await queue.dispatcher.tick();
  const line = createDeliveryQueue({ ...queue, leaseMs: 1_000 });
  const { taken } = await line.take(createWebhookSlots(20, 20));
  const one = taken.find(({ id }) => id === first);
  if (one === undefined) throw new Error("The first was not taken");
  await line.finish(one, { status: "dead", attempts: 1, lastAnswer: "No." });
  const ids = async (options: { status?: "dead" | "pending"; after?: string; limit?: number }) =>
    (await queue.webhooks.list({ tenant: "acme", limit: 9, ...options }))?.records.map(({ id }) => id);
  expect(new Set(await ids({}))).toEqual(new Set([first, second]));
  expect(await ids({ status: "dead" })).toEqual([first]);
  const [newest = ""] = (await ids({ limit: 1 })) ?? [];
  expect(await ids({ after: newest })).toHaveLength(1);
  expect(await ids({ after: "msg_none" })).toBeUndefined();

  // The index forgets by age, and what was settled late is kept for longer.
  await queue.redis.zrem(queue.keys.deliveryIndex("acme"), newest);
  expect(await ids({ after: newest })).toHaveLength(1);
  await queue.redis.hset(queue.keys.delivery(first), "status", "of tomorrow");
  await queue.redis.zadd(queue.keys.deliveryIndex("acme"), Date.now(), first, Date.now(), second);
  expect(await ids({})).toEqual([second]);
});

test("a worker that stops gives what it was sending back at once", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  await queue.dispatcher.tick();
  const begun = Promise.withResolvers<void>();
  const stopping = queue.openWorker({
    leaseMs: 60_000,
    post: ({ signal }) => {
      begun.resolve();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    },
  });
  await begun.promise;
  await stopping.close();
  queue.work([delivered]);
  await expect.poll(() => queue.webhooks.read(id)).toMatchObject({ status: "delivered", attempts: 1 });
});

test("a worker that stood still posts nothing that another has taken meanwhile", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  await queue.dispatcher.tick();
  const standing = Promise.withResolvers<void>();
  const stoodStill = Promise.withResolvers<void>();
  const warned = Promise.withResolvers<string>();
  let posts = 0;
  queue
    .openWorker({
      leaseMs: 60_000,
      everyMs: 3_600_000,
      log: { debug() {}, info() {}, error() {}, warn: (_fields: object, text: string) => warned.resolve(text) },
      webhooks: {
        ...queue.webhooks,
        async stateOfAddress(delivery) {
          standing.resolve();
          await stoodStill.promise;
          return queue.webhooks.stateOfAddress(delivery);
        },
      },
      post: async () => {
        posts++;
        return retry;
      },
    })
    .wake();
  await standing.promise;
  // The lease is over, and another takes it.
  await queue.redis.zadd(queue.keys.deliveries, 0, id);
  const { taken } = await createDeliveryQueue({ ...queue, leaseMs: 60_000 }).take(createWebhookSlots(1, 1));
  expect(taken.map((one) => one.id)).toEqual([id]);
  const laterMs = performance.now() + 120_000;
  vi.spyOn(performance, "now").mockReturnValue(laterMs);
  onTestFinished(() => void vi.restoreAllMocks());
  stoodStill.resolve();
  expect(await warned.promise).toBe("Another worker has taken a webhook over; it is broken off here");
  expect(posts).toBe(0);
  expect(await queue.webhooks.read(id)).toMatchObject({ status: "pending", attempts: 0 });
});

test("a worker that learns late of what it took posts nothing that another has taken meanwhile", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  await queue.dispatcher.tick();
  const connection = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => connection.disconnect());
  const leaseMs = 60_000;
  const isTaken = Promise.withResolvers<void>();
  const isTold = Promise.withResolvers<void>();
  const run = connection.evalsha.bind(connection);
  vi.spyOn(connection, "evalsha").mockImplementationOnce(async (...args: Parameters<typeof run>) => {
    const answer = await run(...args);
    isTaken.resolve();
    await isTold.promise;
    return answer;
  });
  const warned = Promise.withResolvers<string>();
  let posts = 0;
  queue
    .openWorker({
      redis: connection,
      leaseMs,
      everyMs: 3_600_000,
      log: { debug() {}, info() {}, error() {}, warn: (_fields: object, text: string) => warned.resolve(text) },
      post: async () => {
        posts++;
        warned.resolve("It was posted");
        return retry;
      },
    })
    .wake();
  await isTaken.promise;
  // The lease is over, and another takes it.
  await queue.redis.zadd(queue.keys.deliveries, 0, id);
  const { taken } = await createDeliveryQueue({ ...queue, leaseMs }).take(createWebhookSlots(1, 1));
  expect(taken.map((one) => one.id)).toEqual([id]);
  const laterMs = performance.now() + 2 * leaseMs;
  vi.spyOn(performance, "now").mockReturnValue(laterMs);
  onTestFinished(() => void vi.restoreAllMocks());
  isTold.resolve();
  expect(await warned.promise).toBe("Another worker has taken a webhook over; it is broken off here");
  expect(posts).toBe(0);
});

test("what came of a webhook is noted when Redis takes it again, and the webhook is not posted twice", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  await queue.dispatcher.tick();
  const connection = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => connection.disconnect());
  const run = connection.evalsha.bind(connection);
  let refusals = 0;
  vi.spyOn(connection, "evalsha").mockImplementation((...args: Parameters<typeof run>) => {
    if (!args.includes("delivered") || refusals === 2) return run(...args);
    refusals++;
    return Promise.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."));
  });
  let posts = 0;
  queue.openWorker({
    redis: connection,
    post: async () => {
      posts++;
      return delivered;
    },
  });
  await expect.poll(() => queue.webhooks.read(id)).toMatchObject({ status: "delivered", attempts: 1 });
  expect({ posts, refusals }).toEqual({ posts: 1, refusals: 2 });
});

test("a delivery whose result is on its way to Redis is not taken for lost", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  await queue.dispatcher.tick();
  const connection = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => connection.disconnect());
  const leaseMs = 90;
  const noted = Promise.withResolvers<void>();
  const send = connection.sendCommand.bind(connection);
  vi.spyOn(connection, "sendCommand").mockImplementation(async (...args: Parameters<typeof send>) => {
    const answer = await send(...args);
    if (!args[0].args.includes("delivered")) return answer;
    // Redis has the result, and the worker learns of it after leases have been renewed.
    await pause(leaseMs);
    noted.resolve();
    return answer;
  });
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (_fields: object, text: string) => void warnings.push(text) };
  const worker = queue.openWorker({ redis: connection, leaseMs, log });
  await noted.promise;
  await worker.close();
  expect(await queue.webhooks.read(id)).toMatchObject({ status: "delivered" });
  expect(warnings).toEqual([]);
});
