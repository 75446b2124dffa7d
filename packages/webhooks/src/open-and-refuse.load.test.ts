import { setImmediate as nextTurn } from "node:timers/promises";
import { newGenerationId } from "@darkroom/contracts";
import { connectWorker } from "@darkroom/redis";
import { createRefusals, leftByRefusals, refuseCommands, testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { batchTask, laneOfTask } from "@darkroom/batches";
import { batchPartsOn } from "@darkroom/batches/batch-parts-fixture";
import { createCancelListener } from "@darkroom/generations";
import { delivery, openQueue, type TestQueue } from "@darkroom/generations/queue-fixture";
import { createWebhookParts } from "./open-webhook-worker.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
/** A loop that has its rounds by the test alone. */
const everyMs = 3_600_000;

const closing = <Loop extends { close: () => Promise<void> }>(loop: Loop): Loop => {
  onTestFinished(() => loop.close());
  return loop;
};

const loops: Record<string, (queue: TestQueue) => () => Promise<unknown>> = {
  "recovery and expiry": ({ redis, generations, lanes, ...queue }) =>
    queue.recovery({ redis, generations, lanes }).tick,
  removal: ({ redis, ...queue }) => queue.removal({ redis }).tick,
  audit: ({ redis, lanes, ...queue }) => queue.audit({ redis, lanes }).step,
  "the outbox of webhooks": ({ redis, keys, generations, quarantine }) =>
    closing(createWebhookParts({ redis, keys }, { generations, quarantine, log }).dispatch({ everyMs })).tick,
  "batch recovery": (queue) => batchPartsOn(queue).recover().tick,
};

describe("a thousand rounds that Redis refuses leave nothing behind", () => {
  test.each(Object.entries(loops))("%s", async (_, open) => {
    const queue = await openQueue();
    const round = open(queue);
    using refusals = refuseCommands(queue.redis);
    expect(await leftByRefusals({ round, refusals, emitters: [queue.redis] })).toEqual([]);
  });
});

test("a thousand removals that the store refuses leave nothing behind", async () => {
  const queue = await openQueue();
  const { redis, keys, generations, attempts, submission } = queue;
  const { id, lane } = submission();
  await generations.submit(submission({ id }));
  await attempts.start(id, lane);
  await attempts.checkpoint(id, 1, delivery);
  await attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
  const refusals = createRefusals();
  const { tick } = queue.removal({ dropObjects: refusals.refuse });
  const round = async () => {
    // Each refusal has the next one wait for a minute.
    await redis.zadd(keys.retained, 0, id);
    await tick().catch(() => {});
  };
  expect(await leftByRefusals({ round, refusals, emitters: [redis] })).toEqual([]);
});

test("a thousand subscriptions that Redis refuses leave no listener on the connection", async () => {
  const { redis, keys } = await openQueue();
  const subscriber = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => subscriber.disconnect());
  subscriber.setMaxListeners(0);
  using refusals = refuseCommands(subscriber);
  const round = () => createCancelListener({ redis, subscriber, keys, workers: [] });
  expect(await leftByRefusals({ round, refusals, emitters: [subscriber] })).toEqual([]);
});

/**
 * Jobs of one lane, each of which is refused once and then done with.
 * @param put has a job wait on its lane
 */
function createJobs(put: (id: string) => Promise<unknown>) {
  const refusals = createRefusals();
  const open = new Map<string, () => void>();
  return {
    refusals,
    /** Runs a job: refuses it the first time that it is asked. */
    run: async (id: string): Promise<undefined> => {
      const told = open.get(id);
      if (told === undefined) return;
      open.delete(id);
      told();
      await refusals.refuse();
    },
    /** Puts a job on its lane and waits until it is refused. */
    round: async (): Promise<string> => {
      const id = newGenerationId(Date.now());
      const { promise, resolve } = Promise.withResolvers<void>();
      open.set(id, resolve);
      await put(id);
      await promise;
      return id;
    },
  };
}

describe("a thousand jobs that are refused, each tried again, leave nothing behind", () => {
  async function openWorkers() {
    const queue = await openQueue();
    const connection = connectWorker(testRedisUrl(), () => {});
    onTestFinished(() => connection.disconnect());
    /** Nothing of a lane is held or waits. */
    const settledOn = (lane: string) => async () => {
      const names = ["active", "wait", "delayed", "prioritized"].map((list) => `${queue.keys.lanes}:${lane}:${list}`);
      await expect.poll(() => queue.redis.exists(names)).toBe(0);
    };
    const common = { redis: connection, keys: queue.keys, concurrency: 1, lockDurationMs: 30_000, log };
    return { ...queue, connection, settledOn, common };
  }

  test("generations whose attempt could not begin", async () => {
    const { attempts, lanes, submission, connection, settledOn, common, ...queue } = await openWorkers();
    const { lane } = submission();
    const { run, ...jobs } = createJobs((id) => lanes.add(lane, id, 1));
    const start = async (id: string) => (await run(id)) ?? ("gone" as const);
    queue.worker(() => Promise.reject(new Error("There is no attempt")), {
      ...common,
      attempts: { ...attempts, start },
    });
    expect(await leftByRefusals({ ...jobs, emitters: [connection], settled: settledOn(lane) })).toEqual([]);
  });

  test("webhooks whose delivery could not be read", async () => {
    const { redis, keys, generations, quarantine, connection, common } = await openWorkers();
    const { webhooks, work } = createWebhookParts({ redis, keys }, { generations, quarantine, log });
    const url = "https://example.com/hook";
    const told = { tenant: "acme", keyId: "key", ending: "succeeded", url, createdAtMs: Date.now() } as const;
    const { run, ...jobs } = createJobs(async (id) => {
      await webhooks.create("", { ...told, id, generationId: id });
      // As the dispatcher does. Else it is found by the next look.
      worker.wake();
    });
    const worker = work({
      ...common,
      webhooks: { ...webhooks, read: async (id) => (await run(id)) ?? webhooks.read(id) },
      perOrigin: 1,
      leaseMs: 30_000,
      schedule: () => null,
      post: () => Promise.reject(new Error("There is no generation")),
    });
    closing(worker);
    const settled = () => expect.poll(() => redis.exists(keys.deliveries)).toBe(0);
    expect(await leftByRefusals({ ...jobs, emitters: [connection], settled })).toEqual([]);
  });

  test("tasks of batches that another worker does in the end", async () => {
    const { connection, settledOn, common, ...queue } = await openWorkers();
    const { lanes } = queue;
    const lane = laneOfTask(batchTask.validate(""));
    const { run, round, refusals } = createJobs((id) => lanes.add(lane, batchTask.validate(id), 1));
    const nothing = async () => null;
    const tasks = batchPartsOn(queue).workTasks({
      ...common,
      tasks: { validate: async (id) => (await run(id)) ?? null, feed: nothing, finalize: nothing },
      firstRetryPauseMs: everyMs,
    });
    closing(tasks);
    const ids: string[] = [];
    const settled = async () => {
      for (const id of ids.splice(0)) {
        // Not by `expect.poll`: vitest keeps what is polled until the test ends.
        while ((await lanes.find(lane, batchTask.validate(id))) === "held") await nextTurn();
        await lanes.remove(lane, batchTask.validate(id));
      }
      await settledOn(lane)();
    };
    expect(
      await leftByRefusals({
        round: async () => ids.push(await round()),
        refusals,
        emitters: [connection],
        settled,
      }),
    ).toEqual([]);
  });
});
