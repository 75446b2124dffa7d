import { setTimeout as pause } from "node:timers/promises";
import { DelayedError, type Job, Worker, type WorkerOptions } from "bullmq";
import type { Redis } from "ioredis";
import type { Keys } from "../connection/keys.ts";
import type { Log } from "../log.ts";
import { waitAtMost } from "../upkeep/wait-at-most.ts";
import { createPatientBackend } from "./patient-backend.ts";

export type WorkOffLaneOptions = {
  /** A patient connection: commands wait while Redis is away. */
  redis: Redis;
  keys: Keys;
  lane: string;
  /** Jobs at a time. */
  concurrency: number;
  /** How long a worker may be silent before its jobs are given to another, in milliseconds; renewed at half of it. */
  lockDurationMs: number;
  /** How often silent workers are looked for, in milliseconds. */
  stalledIntervalMs: number;
  log: Log;
};

/** A lane that is worked off. */
export type LaneWork = {
  worker: Worker;
  /** What Redis refused the last question for a job with; null while it answers. */
  refusal: () => Error | null;
  /**
   * Stops: fetches nothing more at once, lets what runs finish until the deadline, in milliseconds, then aborts it as `stopping`, so that
   * it goes back to the lane. What even then does not let go is left to the stalled check of another worker.
   */
  close: (deadlineMs: number) => Promise<void>;
};

/** Giving a job back takes two round trips; five seconds is for a Redis that is busy. */
const handBackMs = 5_000;

/**
 * When nothing runs any more BullMQ still waits for the answer to its last fetch, which may bring one more job, and which a Redis that
 * is away never gives.
 */
const lastFetchMs = 2_000;

/** The pause after the first run that throws. A refusal of Redis, at its memory limit or behind a slow script, is often over by then. */
const firstFaultPauseMs = 500;
/** The pause doubles with each run up to this: a job waits no longer than half a minute for the end of an outage. */
const maxFaultPauseMs = 30_000;

/** How long a job waits after a run that threw, in milliseconds. `runs`: how often a worker has taken it, this run included. */
const faultPauseMs = (runs: number): number => Math.min(firstFaultPauseMs * 2 ** (runs - 1), maxFaultPauseMs);

/**
 * Runs a BullMQ worker on a lane: the only place that does. `run` is given a job's id and a signal, and says when the job is to be run
 * again, in milliseconds from now, or null when it is done with.
 *
 * A job whose `run` throws goes back to the lane with a backoff. BullMQ would fail and remove it, and nobody would run what its record
 * still asks for.
 */
export function workOffLane(
  { redis, keys, lane, concurrency, lockDurationMs, stalledIntervalMs, log }: WorkOffLaneOptions,
  run: (id: string, signal: AbortSignal) => Promise<number | null>,
): LaneWork {
  const running = new Set<Promise<unknown>>();

  // Exactly three plain parameters: BullMQ counts them, and passes no signal to a function with fewer.
  const processor = async (job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<void> => {
    if (job.id === undefined || token === undefined || signal === undefined) {
      throw new Error("BullMQ gave no job id, token or signal");
    }
    const ran = run(job.id, signal).catch((error: unknown) => {
      const backoffMs = faultPauseMs(job.attemptsStarted);
      log.warn(
        { lane, job: job.id, pauseMs: backoffMs, err: error },
        "A job could not be run; it goes back to its lane",
      );
      return backoffMs;
    });
    running.add(ran);
    const pauseMs = await ran.finally(() => running.delete(ran));
    if (pauseMs === null) return;
    try {
      await job.moveToDelayed(Date.now() + pauseMs, token);
    } catch (error) {
      log.warn(
        { lane, job: job.id, err: error },
        "A job could not be given back; it is found when its lock has run out",
      );
    }
    // Tells BullMQ to leave the job where it is: on its lane again, or held by a lock that nobody renews any more.
    throw new DelayedError();
  };

  const told = new WeakSet<Error>();
  const backend = createPatientBackend({
    onRefusal(error) {
      told.add(error);
      log.warn({ lane, err: error }, "Redis gives out no jobs; it is asked again after pauses that grow");
    },
  });
  const options: WorkerOptions = {
    connection: redis,
    prefix: keys.lanes,
    concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: stalledIntervalMs,
    // What is run counts its own tries in its record; BullMQ's limit would fail a job unseen.
    maxStalledCount: 1_000_000,
    // After an error of the connection while fetching; the default of 15 s is dead time after a short outage.
    runRetryDelay: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
  const worker = new Worker(lane, processor, options, backend.factory);
  worker.on("error", (error) => {
    if (!told.has(error)) log.warn({ lane, err: error }, "The lane reports an error");
  });
  redis.on("ready", backend.wake);

  async function nothingLeft(): Promise<void> {
    do {
      await Promise.allSettled(running);
      await pause(lastFetchMs, undefined, { ref: false });
    } while (running.size > 0);
  }

  async function close(deadlineMs: number): Promise<void> {
    redis.off("ready", backend.wake);
    backend.stop();
    const closed = worker.close();
    const over = Promise.race([closed, nothingLeft()]);
    await waitAtMost(deadlineMs, over);
    worker.cancelAllJobs("stopping");
    await waitAtMost(handBackMs, over);
  }

  return { worker, refusal: backend.refusal, close };
}
