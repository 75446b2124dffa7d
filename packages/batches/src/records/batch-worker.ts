import { type Backoff, createBackoff } from "@darkroom/runtime";
import { workOffLane, type WorkOffLaneOptions, type Lanes } from "@darkroom/queue";
import pTimeout from "p-timeout";
import type { BatchStore } from "./batch-store.ts";
import { batchesLanes, type batchTask, laneOfTask, partsOf } from "./batch-task.ts";

/** Does a task, and may be aborted at any point. Answers when it runs again, in milliseconds; null when it is done. */
type Task = (subject: string, signal: AbortSignal) => Promise<number | null>;

export type BatchWorkerOptions = Omit<WorkOffLaneOptions, "lane"> & {
  tasks: Record<keyof typeof batchTask, Task>;
  batches: Pick<BatchStore, "feeding">;
  lanes: Pick<Lanes, "add">;
  /**
   * The pause after an error that is not a fault of the batch, such as an unreachable store, in milliseconds. It grows to half a minute while
   * the job keeps failing.
   */
  firstRetryPauseMs?: number;
};

/** A check of a lane takes two round trips. Where Redis is away, recovery repeats it. */
const lastLookMs = 1_000;

/**
 * How many backoffs are kept. Another worker may finish a job that failed here, which this process does not learn, so its backoff would
 * stay for ever. A job whose backoff was dropped begins with the first pause again.
 */
const maxBackoffs = 500;

/** Works off the lanes of tasks: a job is a task of `batch-task.ts`. */
export function createBatchWorker(options: BatchWorkerOptions) {
  const { tasks, batches, lanes, log, firstRetryPauseMs = 5_000 } = options;
  const names: ReadonlyMap<string, Task> = new Map(Object.entries(tasks));
  /** Of the jobs whose latest run in this process failed, the latest last. */
  const backoffs = new Map<string, Backoff>();

  function backoffOf(id: string): Backoff {
    const backoff = backoffs.get(id) ?? createBackoff({ firstMs: firstRetryPauseMs });
    backoffs.delete(id);
    backoffs.set(id, backoff);
    const [oldest] = backoffs.keys();
    if (backoffs.size > maxBackoffs && oldest !== undefined) backoffs.delete(oldest);
    return backoff;
  }

  const run = async (id: string, signal: AbortSignal): Promise<number | null> => {
    const { name, subject } = partsOf(id);
    const task = names.get(name);
    if (task === undefined) {
      log.error({ job: id }, "There is an unknown job on the lane of batches; it is dropped");
      return null;
    }
    try {
      const againMs = await task(subject, signal);
      backoffs.delete(id);
      return againMs;
    } catch (error) {
      // Aborted because this worker stops, or has lost the job: it goes back at once.
      if (signal.aborted) return 0;
      const pauseMs = backoffOf(id).next();
      log.warn({ job: id, pauseMs, err: error }, "Something about a batch could not be done, and is tried again");
      return pauseMs;
    }
  };

  /**
   * A process that adds a batch to a lane while the lane's last round ends still finds the job, and adds none. So the lane is checked once
   * more when the job is gone.
   */
  async function lookAgain(job: string): Promise<void> {
    const { name, subject: lane } = partsOf(job);
    if (name === "feed" && (await batches.feeding(lane)).length > 0) await lanes.add(laneOfTask(job), job, 1);
  }
  const looks = new Set<Promise<void>>();

  const works = batchesLanes.map((lane) => {
    const work = workOffLane({ ...options, lane }, run);
    const { worker } = work;
    worker.on("completed", ({ id: job = "" }) => {
      const look = lookAgain(job)
        .catch((error: unknown) => log.warn({ job, err: error }, "A lane could not be looked at again; recovery will"))
        .finally(() => looks.delete(look));
      looks.add(look);
    });
    return work;
  });

  return {
    async ready(): Promise<void> {
      await Promise.all(works.map(({ worker }) => worker.waitUntilReady()));
    },

    /** Stops: running tasks are aborted and go back to the lane. */
    async close(): Promise<void> {
      await Promise.all(works.map((work) => work.close(0)));
      await pTimeout(Promise.all(looks), { milliseconds: lastLookMs, fallback: () => [] });
    },
  };
}
