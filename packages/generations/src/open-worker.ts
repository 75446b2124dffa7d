import { createLanes, isBatchLane, ownStalledChecks } from "@darkroom/queue";
import {
  checkRedis,
  connectBatchWorker,
  connectSubscriber,
  connectWorker,
  createKeys,
  createQuarantine,
  createTaskLeases,
  createWriteProbe,
  type QuarantineKind,
  untilConnected,
} from "@darkroom/redis";
import type { CloseList, Logger } from "@darkroom/runtime";
import { createCancelListener } from "./attempts/cancel-listener.ts";
import { createLaneWorker, type LaneWorker, type LaneWorkerOptions } from "./attempts/lane-worker.ts";
import type { QueueConnection, QueuePlace } from "./queue-connection.ts";
import { createAttemptStore } from "./records/attempt-store.ts";
import { createGenerationStore } from "./records/generation-store.ts";
import type { Retention } from "./records/retention.ts";
import { type AuditOptions, createAudit } from "./recovery/audit.ts";
import { createRecovery, type RecoveryOptions } from "./recovery/recovery.ts";
import { createRemoval, type RemovalOptions } from "./removal/removal.ts";

/** Redis has answered its check a moment before. */
const connectWithinMs = 10_000;
/** The API gives a command up after two seconds, so a submission whose job is not on its lane after ten will not put it there. */
const queuedAfterMs = 10_000;
/** With a hundred thousand queued generations these are 1,700 reads a second, a fiftieth of what Redis can do. */
const lookAgainMs = 60_000;

/** A step of an audit blocks Redis: at the default rate it reads a hundred names, for about a millisecond. */
const auditStepMs = 50;
/** A pass over few records ends at once. A wrong sum that nothing else corrects stays wrong for a minute at most. */
const auditPauseMs = 60_000;

export type WorkerOptions = {
  retention: Retention;
  /** Removes objects from the object store, however many. Throws `ObjectsLeftError` where it could not remove some. */
  dropObjects: (keys: string[]) => Promise<void>;
  /** Is called when something is set aside that no worker can deal with. */
  onSetAside?: (kind: QuarantineKind) => void;
  log: Logger;
};

type Parts =
  | "redis"
  | "keys"
  | "generations"
  | "attempts"
  | "lanes"
  | "retention"
  | "dropObjects"
  | "quarantine"
  | "log";

/** What a part needs beside what all parts share. A test may replace what they share. */
type Own<Options> = Omit<Options, Parts> & Partial<Options>;

export type WorkLaneOptions = Own<LaneWorkerOptions>;

/** The parts that carry generations out and clean up after them, on a connection that is open. Close `lanes` when they are done with. */
export function createWorker({ redis, keys }: QueueConnection, options: WorkerOptions) {
  const { retention, dropObjects, onSetAside, log } = options;
  const quarantine = createQuarantine({ redis, keys, log, ...(onSetAside !== undefined && { onSetAside }) });
  const generations = createGenerationStore({ redis, keys, retention });
  const attempts = createAttemptStore({ redis, keys, retention });
  const lanes = createLanes(redis, keys);
  const parts = { redis, keys, generations, attempts, lanes, retention, dropObjects, quarantine, log };
  return {
    generations,
    attempts,
    lanes,
    quarantine,
    recover: (own: Own<RecoveryOptions>) => createRecovery({ ...parts, ...own }),
    remove: (own: Own<RemovalOptions> = {}) => createRemoval({ ...parts, ...own }),
    audit: (own: Own<AuditOptions>) => createAudit({ ...parts, ...own }),
    /** Works off one lane, with `redis` on a connection of the lane's own. */
    workLane: (own: WorkLaneOptions): LaneWorker =>
      createLaneWorker({
        ...parts,
        attempts: createAttemptStore({ redis: own.redis ?? redis, keys, retention }),
        ...own,
      }),
  };
}

export type OpenWorkerOptions = WorkerOptions &
  QueuePlace & {
    /** How long a lock lasts that is not renewed, in milliseconds. */
    lockDurationMs: number;
    /** How often each lane is checked for jobs of workers that fell silent, in milliseconds. */
    stalledIntervalMs: number;
    /** How often recovery and removal run, in milliseconds. */
    recoveryIntervalMs: number;
    /** Whether the images of generations whose retention is over are removed. Else a rule of the bucket does that, and only records are dropped. */
    removeImages: boolean;
    /** How many keys the audit reads a second. */
    auditKeysPerSecond: number;
    /** Is given the close of each part as soon as it is open. */
    closes: CloseList;
  };

/**
 * Opens the queue for a process that carries generations out, and starts recovery and the audit in it. Rejects with a sentence when Redis
 * is away or cannot be used. `connection` is for the stores that lie in the same Redis: accounts, files, batches, webhooks.
 */
export async function openWorker({ closes, ...options }: OpenWorkerOptions) {
  const { redisUrl, prefix, requireNoEviction, lockDurationMs, stalledIntervalMs, recoveryIntervalMs, log } = options;
  const keys = createKeys(prefix);
  await checkRedis(redisUrl, { names: keys.probe, requireNoEviction, log });

  const tell = (sentence: string) => (error: Error) => log.warn({ err: error }, sentence);
  const redis = connectWorker(redisUrl, tell("The connection to Redis reports an error"));
  closes.add("the connection to Redis", () => redis.disconnect());
  await untilConnected(redis, connectWithinMs);

  const subscriber = connectSubscriber(redisUrl, tell("The connection that hears messages reports an error"));
  // Not by `quit`, which would wait for a Redis that is away.
  closes.add("the connection that hears messages", () => subscriber.disconnect());
  await untilConnected(subscriber, connectWithinMs);

  const connection = { redis, keys };
  const leases = createTaskLeases({ redis, keys, log });
  closes.add("the leases on background tasks", () => leases.close());
  const worker = createWorker(connection, options);
  closes.add("the lanes", () => worker.lanes.close());
  const recovery = worker.recover({
    queuedAfterMs,
    runningAfterMs: lockDurationMs + 2 * stalledIntervalMs,
    lookAgainMs,
    claimMs: recoveryIntervalMs,
    lockDurationMs,
  });
  const recovering = recovery.own(leases, recoveryIntervalMs);
  closes.add("recovery", () => recovering.close());
  const removal = worker.remove(options.removeImages ? {} : { dropObjects: null });
  const removing = removal.own(leases, recoveryIntervalMs);
  closes.add("the removal", () => removing.close());
  const audit = worker.audit({
    stepEveryMs: auditStepMs,
    keysPerSecond: options.auditKeysPerSecond,
    pauseMs: auditPauseMs,
  });
  closes.add("the audit's connection", () => audit.close());
  const auditing = audit.own(leases);
  closes.add("the audit", () => auditing.close());

  const laneWorkers: LaneWorker[] = [];

  /** The work of batches has its own connection, so that it does not delay the work for waiting callers. */
  async function openBatchConnection() {
    const own = connectBatchWorker(redisUrl, tell("The batches' connection to Redis reports an error"));
    closes.add("the batches' connection to Redis", () => own.disconnect());
    await untilConnected(own, connectWithinMs);
    return own;
  }

  return {
    generations: worker.generations,
    lanes: worker.lanes,
    connection,
    /** Hears the messages of channels, and sends nothing else. Each part subscribes to its own. */
    subscriber,
    /** Who of the fleet does what beside the lanes: each background task has one owner. */
    leases,
    /** Where loops put what they cannot deal with. */
    quarantine: worker.quarantine,

    /** The lanes that are worked off: none before `workLanes`. */
    laneWorkers: laneWorkers as readonly LaneWorker[],

    /**
     * Starts workers on lanes, and listens for cancellations. Call it once. Resolves when all workers fetch jobs.
     * @param closeWithinMs how long running attempts may take at a shutdown, before they are given back
     */
    async workLanes(
      plans: readonly Omit<WorkLaneOptions, "lockDurationMs">[],
      { closeWithinMs }: { closeWithinMs: number },
    ): Promise<void> {
      const batchRedis = plans.some(({ lane }) => isBatchLane(lane)) ? await openBatchConnection() : redis;
      // Opened before the lanes, so that it is closed after the last attempt has ended.
      const cancelListener = await createCancelListener({ redis, keys, subscriber, workers: laneWorkers });
      closes.add("the cancel listener", () => cancelListener.close());
      for (const plan of plans) {
        const own = { redis: isBatchLane(plan.lane) ? batchRedis : redis };
        laneWorkers.push(worker.workLane({ ...plan, ...own, lockDurationMs }));
      }
      closes.add("the lanes' workers", () => Promise.all(laneWorkers.map((one) => one.close(closeWithinMs))));
      await Promise.all(laneWorkers.map((one) => one.ready()));
      const lanes = plans.map(({ lane }) => lane);
      const checks = { kind: "stalled-check", lanes, everyMs: stalledIntervalMs };
      const checking = ownStalledChecks({ ...checks, ...connection, leases, log });
      // First, so that after an outage this worker does not take for lost what it still works on while it stops.
      closes.add("the stalled checks", () => checking.close());
    },

    /** What keeps Redis from taking writes, as a sentence; null when it takes them. */
    findFault: createWriteProbe({
      redis,
      names: keys.probe,
      onRefusal: (error, sentence) => log.warn({ err: error }, sentence),
    }),
  };
}

export type QueueWorker = Awaited<ReturnType<typeof openWorker>>;
