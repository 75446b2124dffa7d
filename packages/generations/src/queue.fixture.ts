import { randomBytes } from "node:crypto";
import { type Admission, unlimited } from "@darkroom/accounts";
import { type Bill, newGenerationId } from "@darkroom/contracts";
import { removeKeys, startLossyRedis, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import type { AuditOptions } from "./recovery/audit.ts";
import { createProducer } from "./open-producer.ts";
import { createWorker } from "./open-worker.ts";
import type { Delivery } from "./records/delivery.ts";
import { createEndingWaits } from "./waiting/ending-waits.ts";
import type { RecoveryOptions } from "./recovery/recovery.ts";
import type { RemovalOptions } from "./removal/removal.ts";
import { createKeys, connectProducer, connectSubscriber, connectWorker, untilConnected } from "@darkroom/redis";
import type { LaneWorkerOptions } from "./attempts/lane-worker.ts";
import { createStalledCheck } from "@darkroom/queue";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Work } from "./attempts/outcome.ts";
import type { Retention } from "./records/retention.ts";
import type { Submission } from "./records/submission.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const ignore = () => {};

const dayOfTests: Retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };

export const delivery: Delivery = {
  provider: "sandbox",
  images: [{ index: 0, key: "a/0.png", bytes: 3, mediaType: "image/png", width: 1, height: 1 }],
};

/** What `delivery` is billed with. */
export const bill: Bill = { images: 1, inputTokens: 0, outputTokens: 0, costMicros: 0, providerCostMicros: null };

/** What a generation asks that costs nothing, of a key that may do as it likes. */
export const free: Admission = { ...unlimited, images: 1, worstCaseMicros: 0 };

/** A whole queue on a real Redis under a prefix of its own, taken down after the test. */
export async function openQueue({
  url = testRedisUrl(),
  prefix = `test-${randomBytes(6).toString("hex")}`,
  retention = dayOfTests,
  log = silent,
} = {}) {
  const keys = createKeys(prefix);
  const redis = connectProducer(url, ignore);
  const patient = connectWorker(url, ignore);
  onTestFinished(() => {
    redis.disconnect();
    patient.disconnect();
  });
  await Promise.all([untilConnected(redis, 5_000), untilConnected(patient, 5_000)]);
  onTestFinished(async () => {
    if (patient.status !== "ready") return;
    await removeKeys(patient, prefix);
  });
  const droppedObjects: string[] = [];
  const options = { retention, log, dropObjects: async (dropped: string[]) => void droppedObjects.push(...dropped) };
  const { generations, lanes, submit } = createProducer({ redis, keys }, options);
  /** By the producer's connection, so that a test that breaks it breaks attempts, too. */
  const { attempts } = createWorker({ redis, keys }, options);
  const patientWorker = createWorker({ redis: patient, keys }, options);

  return {
    prefix,
    keys,
    redis,
    retention,
    generations,
    attempts,
    lanes,
    submit,
    /** What was removed from the object store. */
    droppedObjects,

    submission: (over: Partial<Submission> = {}): Submission => ({
      id: newGenerationId(Date.now()),
      tenant: "acme",
      keyId: "key",
      lane: "sandbox.interactive",
      model: "m",
      request: { prompt: "a cat" },
      upstream: { model: "m-2", parameters: { n: 1 } },
      terms: {},
      admission: free,
      // Most tests want two generations of two equal submissions.
      forceNew: true,
      ...over,
    }),

    async waits(instance = randomBytes(4).toString("hex"), reconcileEveryMs = 2_000, lostAfterMs = 5_000) {
      const subscriber = connectSubscriber(url, ignore);
      const waits = await createEndingWaits({ redis, subscriber, keys, instance, reconcileEveryMs, lostAfterMs });
      onTestFinished(() => waits.close());
      return Object.assign(waits, {
        subscriber,
        /** What Redis sees of a process that is killed: its connections are gone, its last heartbeat is not. */
        async kill() {
          await subscriber.unsubscribe(waits.channel);
          subscriber.disconnect();
        },
      });
    },

    /** A worker of a lane, which checks the lane for jobs of others that fell silent. */
    worker(
      work: Work,
      { stalledIntervalMs = 500, ...over }: Partial<LaneWorkerOptions> & { stalledIntervalMs?: number } = {},
    ) {
      const connection = connectWorker(url, ignore);
      const worker = patientWorker.workLane({
        redis: connection,
        attempts: patientWorker.attempts,
        lane: "sandbox.interactive",
        concurrency: 10,
        work,
        billOf: () => bill,
        retryPolicy: {
          maxFailures: 3,
          maxCrashes: 2,
          firstPauseMs: 5,
          maxPauseMs: 20,
          maxRetryAfterMs: 1_000,
          unreadablePauseMs: 20,
        },
        lockDurationMs: 1_000,
        random: () => 0.5,
        ...over,
      });
      const checks = { redis: over.redis ?? connection, keys, everyMs: stalledIntervalMs, log: over.log ?? log };
      const check = createStalledCheck(checks);
      const checking = createTicker({ everyMs: stalledIntervalMs, tick: () => check(worker.lane), onError: ignore });
      checking.wake();
      const close = async (deadlineMs: number) => {
        await checking.close();
        await worker.close(deadlineMs);
      };
      onTestFinished(async () => {
        await close(1_000);
        connection.disconnect();
      });
      return { ...worker, close };
    },

    recovery(over: Partial<RecoveryOptions> = {}) {
      return patientWorker.recover({
        queuedAfterMs: 0,
        runningAfterMs: 0,
        lookAgainMs: 0,
        claimMs: 0,
        lockDurationMs: 0,
        ...over,
      });
    },

    /** Where what no worker can deal with is set aside. */
    quarantine: patientWorker.quarantine,

    removal: (over: Partial<RemovalOptions> = {}) => patientWorker.remove(over),

    /** An audit that takes no step by itself. A step looks at about as many names as that. */
    audit({ names = 100_000, ...own }: { names?: number } & Partial<AuditOptions> = {}) {
      const stepEveryMs = 3_600_000;
      const keysPerSecond = names / (stepEveryMs / 1_000);
      const audit = patientWorker.audit({ stepEveryMs, keysPerSecond, pauseMs: 0, ...own });
      onTestFinished(() => audit.close());
      return audit;
    },

    /** Nothing may be left of generations that ended but their records, which expire. */
    async expectNothingButRecords(lane = "sandbox.interactive") {
      expect(await redis.zrange(keys.queued, "0", "-1"), "queued").toEqual([]);
      expect(await redis.zrange(keys.running, "0", "-1"), "running").toEqual([]);
      expect(await redis.zrange(keys.expiring, "0", "-1"), "expiring").toEqual([]);
      expect(await redis.hgetall(keys.pending(lane)), "pending").toEqual({});
      expect(await redis.hgetall(keys.ranks(lane)), "ranks").toEqual({});
    },
  };
}

/** A connection to the Redis of all tests whose answers a test can lose, taken down after it. */
export async function openLossyConnection() {
  const { url, loseAnswer, close } = await startLossyRedis(testRedisUrl());
  const redis = connectWorker(url, ignore);
  onTestFinished(async () => {
    redis.disconnect();
    await close();
  });
  await untilConnected(redis, 5_000);
  return { redis, loseAnswer };
}

/** A queue with one generation that a worker has begun. */
export async function openStarted() {
  const queue = await openQueue();
  const submission = queue.submission();
  await queue.generations.submit(submission);
  await queue.attempts.start(submission.id, submission.lane);
  return { ...queue, ...submission };
}

export type TestQueue = Awaited<ReturnType<typeof openQueue>>;
