import { DelayedError, type Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Keys } from "../connection/keys.ts";
import type { Log } from "../log.ts";

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

/**
 * Runs a BullMQ worker on a lane: the only place that does. `run` is given a job's id and a signal, and says when the job is to be run
 * again, in milliseconds from now, or null when it is done with.
 */
export function workOffLane(
  { redis, keys, lane, concurrency, lockDurationMs, stalledIntervalMs, log }: WorkOffLaneOptions,
  run: (id: string, signal: AbortSignal) => Promise<number | null>,
): Worker {
  // Exactly three plain parameters: BullMQ counts them, and passes no signal to a function with fewer.
  const processor = async (job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<void> => {
    if (job.id === undefined || token === undefined || signal === undefined) {
      throw new Error("BullMQ gave no job id, token or signal");
    }
    const pauseMs = await run(job.id, signal);
    if (pauseMs === null) return;
    await job.moveToDelayed(Date.now() + pauseMs, token);
    throw new DelayedError();
  };

  const worker = new Worker(lane, processor, {
    connection: redis,
    prefix: keys.lanes,
    concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: stalledIntervalMs,
    // What is run counts its own tries in its record; BullMQ's limit would fail a job unseen.
    maxStalledCount: 1_000_000,
    // After an error while fetching; the default of 15 s is dead time after a short outage.
    runRetryDelay: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", (error) => log.warn({ lane, err: error }, "The lane reports an error"));
  return worker;
}
