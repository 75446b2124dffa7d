import { setTimeout as pause } from "node:timers/promises";
import { DelayedError, type Job, WaitingError, Worker, type WorkerOptions } from "bullmq";
import type { Redis } from "ioredis";
import { redisTime } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import pTimeout from "p-timeout";
import { createJobRuns, type Interruption, type JobRun } from "./job-runs.ts";
import { longestPauseMs } from "./lane-backoff.ts";
import { createNextJobs, type FinishJob, type JobFinished, type NextJobsOptions } from "./next-job.ts";
import { createPatientBackend } from "./patient-backend.ts";

export type WorkOffLaneOptions = NextJobsOptions & {
  /** A connection whose commands wait while Redis is away. */
  redis: Redis;
  /** Jobs at a time. */
  concurrency: number;
  /** After this time without a renewal another worker gets the job, in milliseconds. Locks are renewed three times within it. */
  lockDurationMs: number;
  log: Logger;
};

/**
 * When a job runs again: in so many milliseconds, or `in line` when its turn comes, before other jobs of its rank. Null when it is done.
 */
export type Rerun = number | "in line" | null;

/** What a run is given of its job beside the id. */
export type HeldJob = {
  /** The hash that was read with the job, name and value by turns; null where none was. It may have changed since. */
  hash: readonly string[] | null;
  /** Makes the last write of the run, which takes the job off the lane. After it the run answers null. */
  finish: FinishJob;
};

/** A lane that is worked off. */
export type LaneWork = {
  worker: Worker;
  /** The error with which Redis refused the latest call for a job; null while it answers. */
  refusal: () => Error | null;
  /** The jobs that this process runs. */
  running: () => string[];
  /** Aborts the run of a job with the reason. Does nothing for a job that this process does not run. */
  interrupt: (id: string, why: Interruption) => void;
  /**
   * Stops: fetches no more jobs, lets runs finish until the deadline, in milliseconds, then aborts them as `stopping`, so that their jobs go
   * back to the lane. A run that ignores that is left to the stalled check (`stalled-check.ts`).
   */
  close: (deadlineMs: number) => Promise<void>;
};

/** Giving a job back takes two round trips. Five seconds allow for a busy Redis. */
const handBackMs = 5_000;

/**
 * After the last run BullMQ still waits for the answer to its last fetch, which may bring one more job. A Redis that is away never answers.
 */
const lastFetchMs = 2_000;

/** The pause after the first run that throws. A refusal of Redis (memory limit, slow script) is often over by then. */
const firstFaultPauseMs = 500;
/** The pause doubles with each run up to this: a job waits no longer than half a minute for the end of an outage. */
const maxFaultPauseMs = 30_000;

/** BullMQ's default. Within this time a worker with long locks notices that a lane was opened early, by an operator for example. */
const maxRateLimitDelayMs = 30_000;

/** How long a job waits after a run that threw, in milliseconds. `runs`: how often a worker has taken it, this run included. */
const faultPauseMs = (runs: number): number => Math.min(firstFaultPauseMs * 2 ** (runs - 1), maxFaultPauseMs);

/**
 * Runs a BullMQ worker on a lane; no other code does. `run` gets a job's id and a signal, and answers when the job runs again.
 *
 * A process runs a job once at a time. A job that comes back because its lock was lost runs when its former run has ended.
 *
 * A job whose `run` throws goes back to the lane with a backoff. BullMQ would fail and remove it, although its record is not ended.
 */
export function workOffLane(
  { redis, keys, lane, concurrency, lockDurationMs, hashBeside, log }: WorkOffLaneOptions,
  run: (id: string, signal: AbortSignal, held: HeldJob) => Promise<Rerun>,
): LaneWork {
  const told = new WeakSet<Error>();
  const jobs = createNextJobs({ redis, keys, lane, lockDurationMs, hashBeside, log });
  /** What the worker is given next, by the job that its run has finished. */
  const finished = new WeakMap<object, unknown[]>();
  let isClosing = false;
  const backend = createPatientBackend({
    onRefusal(error) {
      told.add(error);
      log.warn({ lane, err: error }, "Redis gives out no jobs; it is asked again after pauses that grow");
    },
    onRateLimit(ms) {
      if (ms > longestPauseMs) void openLane(ms);
    },
    fetchJob: (token) => jobs.fetch(token),
    nowMs: () => redisTime(redis),
    takeFinished: (job) => finished.get(job) ?? null,
    async isEmpty() {
      // A worker that pauses must not wait for a job, or it would take the next one.
      if (worker.isPaused()) return false;
      const lists = ["wait", "prioritized", "delayed"].map((kind) => `${keys.lane(lane)}${kind}`);
      return (await redis.exists(...lists)) === 0;
    },
  });
  // Renewed locks show that Redis takes writes again.
  const runs = createJobRuns({ redis, keys, lane, lockDurationMs, onRenewed: backend.wake, log });

  /**
   * Opens a lane that is closed for longer than any pause. Keys expire by the clock of Redis: after it was set back, the lane would stay
   * closed until the clock has caught up.
   */
  async function openLane(closedMs: number): Promise<void> {
    try {
      await redis.del(`${keys.lane(lane)}limiter`);
      log.warn(
        { lane, closedMs },
        "The lane was closed for longer than any pause lasts, so the clock of Redis was set back; it is opened",
      );
    } catch (error) {
      log.warn(
        { lane, closedMs, err: error },
        "The lane is closed for longer than any pause lasts, and could not be opened",
      );
    }
  }

  /** Waits for the former run of the same job, then runs it. Answers when it runs again, as `run` does. */
  async function runAlone({ id, signal, alone }: JobRun, held: HeldJob, lockedAtMs: number): Promise<Rerun> {
    await alone;
    // The run begins late: this process stood still, or BullMQ's loop slept. The lock may have run out, and another worker may have begun
    // the job.
    if (Date.now() - lockedAtMs >= runs.renewEveryMs) await runs.renew();
    // Aborted before it began: a cancellation has already ended the generation, and anything else goes back to the lane.
    return signal.aborted && signal.reason !== "canceled" ? 0 : run(id, signal, held);
  }

  async function putInLine(job: Job, token: string): Promise<void> {
    await job.moveToWait(token);
    // BullMQ wakes no worker for a job that it moves in this way, and idle workers would poll after ten seconds. This is the marker that it
    // adds for a new job.
    await redis.zadd(`${keys.lane(lane)}marker`, 0, "0");
  }

  /** Tells BullMQ what the last write of a run has made of its job. */
  function takeEnd(job: Job, [kind, next]: JobFinished, askedAtMs: number): void {
    if (kind === "finished") {
      finished.set(job, jobs.toBullmq(next, askedAtMs));
      return;
    }
    if (kind === "fault") {
      log.warn({ lane, job: job.id, why: next }, "A job that is done could not be taken off its lane");
    }
    // The job is another worker's, or stays until its lock has run out. BullMQ leaves it where it is.
    throw new DelayedError();
  }

  // Exactly two parameters: with a third BullMQ creates its own signal for the job.
  const processor = async (job: Job, token: string | undefined): Promise<void> => {
    if (job.id === undefined || token === undefined) throw new Error("BullMQ gave no job id or token");
    const jobRun = runs.begin(job.id, token);
    let end: JobFinished | null = null;
    let askedAtMs = 0;
    let hasBroken: (() => boolean) | null = null;
    const finish: FinishJob = async (write) => {
      jobRun.finish();
      askedAtMs = Date.now();
      hasBroken ??= jobs.watchConnection();
      const [answer, done] = await write(jobs.finishArguments(token, !isClosing && !worker.isPaused()));
      if (hasBroken() && (done[0] === "lost" || done[0] === "kept")) jobs.doubt(token);
      if (done[0] !== "kept") end = done;
      return answer;
    };
    const given = jobs.take(job.id);
    const rerun = await runAlone(jobRun, { hash: given.hash, finish }, given.askedAtMs)
      .catch((error: unknown) => {
        if (isLost(jobRun)) return null;
        const backoffMs = faultPauseMs(job.attemptsStarted);
        log.warn(
          { lane, job: job.id, pauseMs: backoffMs, err: error },
          "A job could not be run; it goes back to its lane",
        );
        return backoffMs;
      })
      .finally(() => jobRun.end());
    if (end !== null) {
      takeEnd(job, end, askedAtMs);
      return;
    }
    // Tells BullMQ to leave the job where it is.
    if (isLost(jobRun)) throw new DelayedError();
    if (rerun === null) return;
    try {
      if (rerun === "in line") await putInLine(job, token);
      else await job.moveToDelayed(Date.now() + rerun, token);
    } catch (error) {
      log.warn(
        { lane, job: job.id, err: error },
        "A job could not be given back; it is found when its lock has run out",
      );
    }
    // The job is on its lane again, or under a lock that is not renewed any more.
    throw rerun === "in line" ? new WaitingError() : new DelayedError();
  };

  const options: WorkerOptions = {
    connection: redis,
    prefix: keys.lanes,
    concurrency,
    lockDuration: lockDurationMs,
    // The runs renew theirs.
    skipLockRenewal: true,
    // While a rate limit closes the lane, BullMQ's loop sleeps. It begins no job during that time, not even one that BullMQ locks for this
    // worker when another job ends. So the loop sleeps no longer than a lock may go without a renewal.
    maximumRateLimitDelay: Math.min(runs.renewEveryMs, maxRateLimitDelayMs),
    // One worker of the fleet makes them: see `ownStalledChecks`.
    skipStalledCheck: true,
    // How long the loop waits for a job at a time, in seconds. A job that comes ends the wait. This is only for one whose marker was lost, and
    // ten seconds is the longest that BullMQ itself waits: it takes a connection that has not answered a second later for a dead one.
    drainDelay: 10,
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
      await runs.settled();
      await pause(lastFetchMs, undefined, { ref: false });
    } while (runs.ids().length > 0);
  }

  async function close(deadlineMs: number): Promise<void> {
    isClosing = true;
    redis.off("ready", backend.wake);
    backend.stop();
    const closed = worker.close();
    const over = Promise.race([closed, nothingLeft()]);
    // A deadline of zero milliseconds is valid here, and `p-timeout` takes no zero.
    await pTimeout(over, { milliseconds: Math.max(deadlineMs, 1), fallback: () => {} });
    runs.interrupt("stopping");
    await pTimeout(over, { milliseconds: handBackMs, fallback: () => {} });
    await runs.close();
    jobs.close();
  }

  return {
    worker,
    refusal: backend.refusal,
    running: runs.ids,
    interrupt: (id, why) => runs.interrupt(why, id),
    close,
  };
}

/** Whether a run's job now belongs to another run, in this process or another. */
const isLost = ({ signal }: JobRun): boolean => signal.reason === "lock lost";
