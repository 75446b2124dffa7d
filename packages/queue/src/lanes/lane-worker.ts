import { DelayedError, type Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { AttemptStore } from "../records/attempt-store.ts";
import type { Keys } from "../connection/keys.ts";
import type { Lanes } from "./lanes.ts";
import type { Log } from "../log.ts";
import type { Work } from "./outcome.ts";
import type { RetryPolicy } from "./retry-policy.ts";
import { type Interruption, runAttempt } from "./run-attempt.ts";

export type LaneWorkerOptions = {
  /** A patient connection: commands wait while Redis is away. */
  redis: Redis;
  keys: Keys;
  store: AttemptStore;
  lanes: Lanes;
  lane: string;
  /** Attempts at a time. */
  concurrency: number;
  work: Work;
  retryPolicy: RetryPolicy;
  /** How long a worker may be silent before its jobs are given to another, in milliseconds; renewed at half of it. */
  lockDurationMs: number;
  /** How often silent workers are looked for, in milliseconds. */
  stalledIntervalMs: number;
  /** Uniform in [0, 1), for jitter. */
  random: () => number;
  log: Log;
};

/** Free slots and waiting jobs, and nothing fetched for this long: the worker looks alive and is not. */
const stuckAfterMs = 60_000;

/** Works off one lane. The only place that runs a BullMQ worker. */
export function createLaneWorker(options: LaneWorkerOptions) {
  const { redis, keys, lanes, lane, concurrency, log } = options;
  const active = new Set<string>();
  const interrupt = (id: string, why: Interruption) => worker.cancelJob(id, why);
  let lastFetchAtMs = Date.now();

  // Exactly three plain parameters: BullMQ counts them, and passes no signal to a function with fewer.
  const processor = async (job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<void> => {
    if (job.id === undefined || token === undefined || signal === undefined) {
      throw new Error("BullMQ gave no job id, token or signal");
    }
    const { id } = job;
    active.add(id);
    lastFetchAtMs = Date.now();
    try {
      const pauseMs = await runAttempt(options, id, signal, () => interruptionOf(signal));
      if (pauseMs === null) return;
      await job.moveToDelayed(Date.now() + pauseMs, token);
      throw new DelayedError();
    } finally {
      active.delete(id);
    }
  };

  const worker = new Worker(lane, processor, {
    connection: redis,
    prefix: keys.lanes,
    concurrency,
    lockDuration: options.lockDurationMs,
    stalledInterval: options.stalledIntervalMs,
    // Crashes are counted in the record, which also knows what is stored; BullMQ's own limit would fail a job unseen.
    maxStalledCount: 1_000_000,
    // After an error while fetching; the default of 15 s is dead time after a short outage.
    runRetryDelay: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", (error) => log.warn({ lane, err: error }, "The lane reports an error"));
  worker.on("stalled", (id) =>
    log.warn({ lane, generationId: id }, "A worker fell silent; its generation is begun again"),
  );
  worker.on("lockRenewalFailed", (ids) => {
    for (const id of ids) interrupt(id, "lock lost");
  });

  return {
    lane,

    /** The generations that are being worked on. */
    active: (): string[] => [...active],

    /** Aborts the work on a generation that was canceled; nothing happens where it is not run here. */
    cancel: (id: string): void => void interrupt(id, "canceled"),

    /** Resolves when the lane is being worked off. */
    ready: (): Promise<void> => worker.waitUntilReady(),

    /** A sentence when jobs wait, slots are free and yet nothing has been fetched for a minute; null when all is well. */
    async stuck(): Promise<string | null> {
      const idleMs = Date.now() - lastFetchAtMs;
      if (active.size >= concurrency || idleMs < stuckAfterMs) return null;
      const { waiting, paused } = await lanes.depth(lane);
      if (waiting === 0 || paused) return null;
      return `Lane ${lane}: ${waiting} jobs wait, ${concurrency - active.size} slots are free, and nothing was fetched for ${idleMs} ms.`;
    },

    /**
     * Stops: fetches nothing more at once, lets what runs finish until the deadline, then aborts it and gives it back to the lane.
     * What even then does not let go is left to the stalled check of another worker.
     */
    async close(deadlineMs: number): Promise<void> {
      const closed = worker.close();
      const timer = setTimeout(() => active.forEach((id) => interrupt(id, "stopping")), deadlineMs);
      const { promise: gaveUp, resolve } = Promise.withResolvers<void>();
      const lastTimer = setTimeout(resolve, deadlineMs + handBackMs);
      await Promise.race([closed, gaveUp]);
      clearTimeout(timer);
      clearTimeout(lastTimer);
    },
  };
}

/** Giving a job back takes two round trips; five seconds is for a Redis that is busy. */
const handBackMs = 5_000;

/** BullMQ passes the reason on as it was given to `cancelJob`. */
function interruptionOf({ aborted, reason }: AbortSignal): Interruption | null {
  if (!aborted) return null;
  return reason === "stopping" || reason === "canceled" ? reason : "lock lost";
}

export type LaneWorker = ReturnType<typeof createLaneWorker>;
