import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import { type BatchState, laneOfTask, nextTask } from "./batch-task.ts";

/**
 * Returns the function that puts the job that brings a batch on upon its lane; one that is there already stays. Where that fails the
 * recovery does it. The higher its rank the later it is done.
 */
export const createPutNextTask =
  ({ lanes, log }: { lanes: Pick<Lanes, "add">; log: Logger }) =>
  async (batch: BatchState, rank = 1): Promise<void> => {
    const job = nextTask(batch);
    if (job === null) return;
    try {
      await lanes.add(laneOfTask(job), job, rank);
    } catch (error) {
      const fields = { batchId: batch.id, job, err: error };
      log.warn(fields, "The job of a batch could not be put on its lane; recovery will");
    }
  };
