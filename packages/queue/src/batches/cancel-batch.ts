import type { Lanes } from "../lanes/lanes.ts";
import type { Log } from "../log.ts";
import type { BatchRecord } from "./batch-record.ts";
import type { BatchStore } from "./batch-store.ts";
import { batchesLane, nextTask } from "./batch-tasks.ts";

export type BatchCancelerOptions = {
  batches: Pick<BatchStore, "cancel" | "read">;
  lanes: Pick<Lanes, "add">;
  log: Log;
};

/**
 * Returns the function that stops a batch and has its output put together as soon as nothing of it runs. Answers the batch as it is
 * then; null where it is finalizing, has ended, or is not kept any more.
 */
export function createBatchCanceler({ batches, lanes, log }: BatchCancelerOptions) {
  return async ({ id, lane }: Pick<BatchRecord, "id" | "lane">): Promise<BatchRecord | null> => {
    const answer = await batches.cancel(id, lane);
    const batch = await batches.read(id);
    // Whoever cancels what is being canceled has what they want.
    if (answer !== "ok") return batch?.status === "cancelling" ? batch : null;
    const job = batch && nextTask(batch);
    if (job !== null) {
      await lanes.add(batchesLane, job, 1).catch((error: unknown) => {
        log.warn({ batchId: id, job, err: error }, "The job could not be put on its lane; a worker's keeper will");
      });
    }
    return batch;
  };
}
