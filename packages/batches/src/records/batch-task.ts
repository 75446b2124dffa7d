import { isBatchEnding } from "@darkroom/contracts";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { BatchRecord } from "./batch-record.ts";

/** The lane of tasks that are done once for a batch and may take long. The lines of batches have lanes of their own. */
const filesLane = "batches";
/** The lane of rounds. It is separate, so that tasks that read and write files for minutes do not delay lines. */
const roundsLane = "batch-rounds";

/** The lanes of the tasks of batches. */
export const batchesLanes = [filesLane, roundsLane] as const;

/** The tasks of batches. A job's id has the task and its subject. */
export const batchTask = {
  validate: (batchId: string): string => `validate.${batchId}`,
  feed: (lane: string): string => `feed.${lane}`,
  finalize: (batchId: string): string => `finalize.${batchId}`,
};

/** The task of a job, and its subject. */
export function partsOf(job: string): { name: string; subject: string } {
  const [, name = "", subject = ""] = /^(\w+)\.(.*)$/.exec(job) ?? [];
  return { name, subject };
}

/** The lane that a job goes on. */
export const laneOfTask = (job: string): string => (job.startsWith(batchTask.feed("")) ? roundsLane : filesLane);

/** The fields of a batch that decide its next task. */
export type BatchState = Pick<BatchRecord, "id" | "status" | "lane" | "ready">;

/** The next task of a batch; null for a batch that has ended. */
export function nextTask({ id, status, lane, ready }: BatchState): string | null {
  if (isBatchEnding(status)) return null;
  if (status === "validating") return batchTask.validate(id);
  if (ready) return batchTask.finalize(id);
  return lane === null ? null : batchTask.feed(lane);
}

/**
 * Returns the function that puts the next task of a batch on its lane, unless it is there. Where that fails, recovery does it. A job with a
 * higher priority value runs later.
 */
export const createPutNextTask =
  ({ lanes, log }: { lanes: Pick<Lanes, "add">; log: Logger }) =>
  async (batch: BatchState, priority = 1): Promise<void> => {
    const job = nextTask(batch);
    if (job === null) return;
    try {
      await lanes.add(laneOfTask(job), job, priority);
    } catch (error) {
      const fields = { batchId: batch.id, job, err: error };
      log.warn(fields, "The job of a batch could not be put on its lane; recovery will");
    }
  };
