import { createRedisBackend, isNotConnectionError, type BackendFactory, type RedisQueueBackend } from "bullmq";
import { createBackoff } from "@darkroom/runtime";

/** The pause after the first refusal, in milliseconds: a failover, or a disk that is full for a moment, is often over by then. */
const firstPauseMs = 500;

/** Redis refuses at once. A call that takes this long, in milliseconds, was not refused: a call for a job may block for ten seconds. */
const acceptedAfterMs = 1_000;

export type PatientBackendOptions = {
  /** Called at once with each refusal. */
  onRefusal: (error: Error) => void;
  /** Called with how long the rate limit of the lane lasts, in milliseconds, each time that a call for a job meets it. */
  onRateLimit: (ms: number) => void;
  /** Fetches a job: answers as the backend's `moveToActive` does. */
  fetchJob: (token: string) => Promise<unknown[]>;
  /** The time by which delayed jobs are due, in Unix milliseconds: that of Redis. */
  nowMs: () => Promise<number>;
  /** What the backend would answer for a job that a script has finished already; null where the backend is to finish it. */
  takeFinished: (job: object) => unknown[] | null;
  /** Whether there is certainly no job that a worker could be given. */
  isEmpty: () => Promise<boolean>;
  /** Uniform in [0, 1), for jitter. */
  random?: () => number;
};

/**
 * BullMQ's Redis backend with a backoff: a worker asks a Redis that refuses less and less often. BullMQ's own loop waits after connection
 * errors only. When Redis answers with an error (it is full, a replica, without enough replicas, or its user lacks rights), the loop asks
 * again at once: that took a core and 12,000 log lines a second. Here a refused call returns only after a pause.
 *
 * BullMQ's loop also calls its script for the next job each time that nothing has come for ten seconds, which is seven commands. Here it
 * goes on waiting where one command tells that the lane is empty.
 */
export function createPatientBackend(options: PatientBackendOptions) {
  const { onRefusal, onRateLimit, fetchJob, nowMs, takeFinished, isEmpty, random } = options;
  /** The latest error of each call; a call that was not refused has none. */
  const refusals = new Map<string, Error>();
  const pauses = new Set<() => void>();
  let stopped = false;

  function wake(): void {
    for (const end of pauses) end();
  }

  async function pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    pauses.add(resolve);
    await promise;
    pauses.delete(resolve);
    clearTimeout(timer);
  }

  function patient<Args extends unknown[], Answer>(name: string, ask: (...args: Args) => Promise<Answer>) {
    const backoff = createBackoff({ firstMs: firstPauseMs, ...(random !== undefined && { random }) });
    let pausing: Promise<void> | null = null;
    return async (...args: Args): Promise<Answer> => {
      const accepted = setTimeout(() => refusals.delete(name), acceptedAfterMs);
      try {
        const answer = await ask(...args).finally(() => clearTimeout(accepted));
        // On a busy lane BullMQ does not wait for a job, so a wait that was refused once may never be called again.
        if (name === "moveToActive") refusals.clear();
        else refusals.delete(name);
        backoff.reset();
        return answer;
      } catch (error) {
        if (!(error instanceof Error) || stopped || !isNotConnectionError(error)) throw error;
        refusals.set(name, error);
        onRefusal(error);
        // Other calls wait for the end of the same pause.
        pausing ??= pause(backoff.next()).finally(() => (pausing = null));
        await pausing;
        throw error;
      }
    };
  }

  /** These calls show that Redis takes writes again. The loop must not sleep while a job that came with an ending waits for it. */
  function telling<Args extends unknown[], Answer>(write: (...args: Args) => Promise<Answer>) {
    return async (...args: Args): Promise<Answer> => {
      const answer = await write(...args);
      wake();
      return answer;
    };
  }

  const factory: BackendFactory<RedisQueueBackend> = (name, opts, connections) => {
    const backend = createRedisBackend(name, opts, connections);
    backend.moveToActive = patient("moveToActive", async (token: string) => {
      const answer = await fetchJob(token);
      const rateLimitMs: unknown = answer[2];
      if (typeof rateLimitMs === "number" && rateLimitMs > 0) onRateLimit(rateLimitMs);
      return answer;
    });
    const waitForJob = backend.waitForJob.bind(backend);
    backend.waitForJob = patient("waitForJob", async (blockTimeout: number) => {
      for (;;) {
        const woken = await waitForJob(blockTimeout);
        if (woken !== null || stopped || !(await isEmpty())) return woken;
      }
    });
    // BullMQ takes the clock of this machine, by which another worker would give the job out early or late.
    const moveToDelayed = backend.moveToDelayed.bind(backend);
    backend.moveToDelayed = async (jobId, _ownMs, delayMs, ...more) =>
      moveToDelayed(jobId, await nowMs(), delayMs, ...more);
    const moveToCompleted = telling(backend.moveToCompleted.bind(backend));
    backend.moveToCompleted = async (job, ...more) => {
      const result = takeFinished(job);
      if (result === null) return moveToCompleted(job, ...more);
      wake();
      return { result, finishedOn: Date.now() };
    };
    return backend;
  };

  return {
    factory,
    /** The error with which Redis refused the latest call for a job; null while it answers. */
    refusal: (): Error | null => [...refusals.values()][0] ?? null,
    /** Ends the pause, for when Redis is back. */
    wake,
    /** Ends the current pause, and pauses no more. */
    stop(): void {
      stopped = true;
      wake();
    },
  };
}
