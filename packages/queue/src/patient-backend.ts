import { createRedisBackend, isNotConnectionError, type BackendFactory, type RedisQueueBackend } from "bullmq";
import { createBackoff } from "@darkroom/runtime";

/** The pause after the first refusal, in milliseconds: a failover, or a disk that is full for a moment, is often over by then. */
const firstPauseMs = 500;

/** A refusal comes at once. A question that has waited for so long, in milliseconds, is not refused: for a job it may wait ten seconds. */
const acceptedAfterMs = 1_000;

export type PatientBackendOptions = {
  /** Is told of each refusal, at once. */
  onRefusal: (error: Error) => void;
  /** Is told for how long the rate limit of the lane lasts, in milliseconds, each time that a question for a job meets it. */
  onRateLimit: (ms: number) => void;
  /** Uniform in [0, 1), for jitter. */
  random?: () => number;
};

/**
 * BullMQ's Redis, which a worker asks for jobs less and less often while it refuses. BullMQ's own loop waits after connection errors
 * only: where Redis answers with an error (it is full, a replica, without enough replicas, or its user lacks rights) it asks again at
 * once, and took a core and 12,000 log lines a second. So the pause is in the question itself: it fails only when it is worth asking
 * again.
 */
export function createPatientBackend({ onRefusal, onRateLimit, random }: PatientBackendOptions) {
  /** What each question was refused with the last time that it was asked. */
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
        // A busy lane is not waited for, so that a wait that was refused once may never be tried again.
        if (name === "moveToActive") refusals.clear();
        else refusals.delete(name);
        backoff.reset();
        return answer;
      } catch (error) {
        if (!(error instanceof Error) || stopped || !isNotConnectionError(error)) throw error;
        refusals.set(name, error);
        onRefusal(error);
        // Other calls meanwhile wait for the end of the same pause.
        pausing ??= pause(backoff.next()).finally(() => (pausing = null));
        await pausing;
        throw error;
      }
    };
  }

  /** What shows that Redis takes writes again: the loop must not sleep while a job that was fetched with an ending waits for it. */
  function telling<Args extends unknown[], Answer>(write: (...args: Args) => Promise<Answer>) {
    return async (...args: Args): Promise<Answer> => {
      const answer = await write(...args);
      wake();
      return answer;
    };
  }

  const factory: BackendFactory<RedisQueueBackend> = (name, opts, options) => {
    const backend = createRedisBackend(name, opts, options);
    const moveToActive = backend.moveToActive.bind(backend);
    backend.moveToActive = patient("moveToActive", async (token: string, workerName?: string) => {
      const answer = await moveToActive(token, workerName);
      const rateLimitMs: unknown = answer[2];
      if (typeof rateLimitMs === "number" && rateLimitMs > 0) onRateLimit(rateLimitMs);
      return answer;
    });
    backend.waitForJob = patient("waitForJob", backend.waitForJob.bind(backend));
    backend.moveToCompleted = telling(backend.moveToCompleted.bind(backend));
    return backend;
  };

  return {
    factory,
    /** What Redis refused the last question for a job with; null while it answers. */
    refusal: (): Error | null => [...refusals.values()][0] ?? null,
    /** Asks again at once: for when Redis is back. */
    wake,
    /** Ends the pause that is under way, and makes no more. */
    stop(): void {
      stopped = true;
      wake();
    },
  };
}
