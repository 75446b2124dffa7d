import type { Logger } from "@darkroom/runtime";
import type { CloseList } from "@darkroom/runtime";
import {
  createAttemptStore,
  createAudit,
  createGenerationStore,
  createRecovery,
  retentionOf,
} from "@darkroom/generations";
import { createKeys } from "@darkroom/redis";
import { createLanes } from "@darkroom/queue";
import { checkRedis, connectBatchWorker, connectWorker, createWriteProbe, untilConnected } from "@darkroom/redis";
import type { ObjectStore } from "@darkroom/storage";
import type { WorkerConfig } from "./config.ts";

/** It has answered a moment ago. */
export const connectWithinMs = 10_000;
/** A submission that has not reached its lane in ten seconds is on its way no more: commands of the API give up after two. */
const queuedAfterMs = 10_000;
/** With a hundred thousand generations in line these are 1,700 looks a second, a fiftieth of what Redis can do. */
const lookAgainMs = 60_000;

/** A step of an audit holds everybody up: at the default pace it is a hundred names, about a millisecond. */
const auditStepMs = 50;
/** Where there are few records a pass is over in a moment. A minute is how long a sum may be wrong that nobody sees by itself. */
const auditPauseMs = 60_000;

/** Connects to Redis and builds the queue as a worker sees it. Throws a sentence when Redis is away or not fit for it. */
export async function openQueue(config: WorkerConfig, objects: ObjectStore, log: Logger, closes: CloseList) {
  const keys = createKeys(config.QUEUE_PREFIX);
  await checkRedis(config.REDIS_URL, { names: keys.probe, requireNoEviction: config.REDIS_REQUIRE_NOEVICTION, log });

  const redis = connectWorker(config.REDIS_URL, (error) =>
    log.warn({ err: error }, "The connection to Redis reports an error"),
  );
  closes.add("the connection to Redis", () => redis.disconnect());
  await untilConnected(redis, connectWithinMs);

  const retention = retentionOf(config);
  const generations = createGenerationStore(redis, keys, retention);
  const lanes = createLanes(redis, keys);
  closes.add("the lanes", () => lanes.close());
  const recovery = createRecovery({
    redis,
    keys,
    store: generations,
    lanes,
    retention,
    dropObjects: (dropped) => objects.delete(dropped),
    log,
    everyMs: config.RECOVERY_INTERVAL_MS,
    queuedAfterMs,
    runningAfterMs: config.LOCK_DURATION_MS + 2 * config.STALLED_INTERVAL_MS,
    lookAgainMs,
    claimMs: config.RECOVERY_INTERVAL_MS,
    lockDurationMs: config.LOCK_DURATION_MS,
  });
  closes.add("recovery", () => recovery.close());
  const audit = createAudit({
    redis,
    keys,
    lanes,
    retention,
    log,
    stepEveryMs: auditStepMs,
    keysPerSecond: config.AUDIT_KEYS_PER_SECOND,
    pauseMs: auditPauseMs,
  });
  closes.add("the audit", () => audit.close());
  return {
    redis,
    keys,
    generations,
    store: createAttemptStore(redis, keys, retention),
    lanes,
    /** What keeps Redis from taking writes, as a sentence; null when it takes them. */
    findFault: createWriteProbe({
      redis,
      names: keys.probe,
      onRefusal: (error, sentence) => log.warn({ err: error }, sentence),
    }),
  };
}

export type OpenQueue = Awaited<ReturnType<typeof openQueue>>;

/** The queue as the worker of a batch lane sees it: by a connection of its own, on which others' work is not held up by that of batches. */
export async function openBatchQueue(
  config: WorkerConfig,
  queue: OpenQueue,
  log: Logger,
  closes: CloseList,
): Promise<OpenQueue> {
  const redis = connectBatchWorker(config.REDIS_URL, (error) =>
    log.warn({ err: error }, "The batches' connection to Redis reports an error"),
  );
  closes.add("the batches' connection to Redis", () => redis.disconnect());
  await untilConnected(redis, connectWithinMs);
  return { ...queue, redis, store: createAttemptStore(redis, queue.keys, retentionOf(config)) };
}
