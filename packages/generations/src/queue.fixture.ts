import { randomBytes } from "node:crypto";
import { type Admission, unlimited } from "@darkroom/accounts";
import { type Bill, newGenerationId } from "@darkroom/contracts";
import { removeKeys, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { createAudit } from "./recovery/audit.ts";
import { createAttemptStore } from "./records/attempt-store.ts";
import type { Delivery } from "./records/delivery.ts";
import { createEndingWaits } from "./waiting/ending-waits.ts";
import { createGenerationStore } from "./records/generation-store.ts";
import { createRecovery, type RecoveryOptions } from "./recovery/recovery.ts";
import { createKeys } from "@darkroom/redis";
import { createLanes } from "@darkroom/queue";
import { createLaneWorker, type LaneWorkerOptions } from "./attempts/lane-worker.ts";
import type { Logger } from "@darkroom/runtime";
import type { Work } from "./attempts/outcome.ts";
import { connectProducer, connectSubscriber, connectWorker, untilConnected } from "@darkroom/redis";
import type { Retention } from "./records/retention.ts";
import type { Submission } from "./records/submission.ts";
import { createSubmitter } from "./submit-generation.ts";

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
export async function openQueue({ url = testRedisUrl(), retention = dayOfTests, log = silent } = {}) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
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
  const store = createGenerationStore(redis, keys, retention);
  const attempts = createAttemptStore(redis, keys, retention);
  const lanes = createLanes(redis, keys);
  const patientStore = createGenerationStore(patient, keys, retention);
  const patientAttempts = createAttemptStore(patient, keys, retention);
  const patientLanes = createLanes(patient, keys);
  const droppedObjects: string[] = [];
  const submit = createSubmitter({ store, lanes, log });

  return {
    keys,
    redis,
    retention,
    store,
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
      anew: true,
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

    worker(work: Work, over: Partial<LaneWorkerOptions> = {}) {
      const connection = connectWorker(url, ignore);
      const worker = createLaneWorker({
        redis: connection,
        keys,
        store: patientAttempts,
        lanes: patientLanes,
        lane: "sandbox.interactive",
        concurrency: 10,
        work,
        billOf: () => bill,
        dropObjects: async (dropped) => void droppedObjects.push(...dropped),
        retryPolicy: {
          maxFailures: 3,
          maxCrashes: 2,
          firstPauseMs: 5,
          maxPauseMs: 20,
          maxRetryAfterMs: 1_000,
          unreadablePauseMs: 20,
        },
        lockDurationMs: 1_000,
        stalledIntervalMs: 500,
        random: () => 0.5,
        log,
        ...over,
      });
      onTestFinished(async () => {
        await worker.close(1_000);
        connection.disconnect();
      });
      return worker;
    },

    recovery(over: Partial<RecoveryOptions> = {}) {
      const recovery = createRecovery({
        redis: patient,
        keys,
        store: patientStore,
        lanes: patientLanes,
        retention,
        dropObjects: async (dropped) => void droppedObjects.push(...dropped),
        log,
        everyMs: 60_000,
        queuedAfterMs: 0,
        runningAfterMs: 0,
        lookAgainMs: 0,
        claimMs: 0,
        lockDurationMs: 0,
        ...over,
      });
      onTestFinished(() => recovery.close());
      return recovery;
    },

    /** An audit that takes no step by itself. A step looks at about as many names as that. */
    audit({
      names = 100_000,
      pauseMs = 0,
      log: auditLog = log,
    }: { names?: number; pauseMs?: number; log?: Logger } = {}) {
      const stepEveryMs = 3_600_000;
      const audit = createAudit({
        redis: patient,
        keys,
        lanes: patientLanes,
        retention,
        log: auditLog,
        stepEveryMs,
        keysPerSecond: names / (stepEveryMs / 1_000),
        pauseMs,
      });
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

/** A queue with one generation that a worker has begun. */
export async function openStarted() {
  const queue = await openQueue();
  const submission = queue.submission();
  await queue.store.submit(submission);
  await queue.attempts.start(submission.id, submission.lane);
  return { ...queue, ...submission };
}

export type TestQueue = Awaited<ReturnType<typeof openQueue>>;
