import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { BatchRecord } from "./batch-record.ts";
import type { BatchStore } from "./batch-store.ts";
import { createPutNextTask } from "./batch-task.ts";

export type BatchCancelerOptions = {
  batches: Pick<BatchStore, "cancel" | "read">;
  lanes: Pick<Lanes, "add">;
  log: Logger;
};

/**
 * Returns the function that stops a batch and has its output written as soon as none of its lines run. It answers the batch after that; null
 * where it is finalizing, has ended, or is not kept any more.
 */
export function createBatchCanceler({ batches, lanes, log }: BatchCancelerOptions) {
  const putNextTask = createPutNextTask({ lanes, log });
  return async ({ id, lane }: Pick<BatchRecord, "id" | "lane">): Promise<BatchRecord | null> => {
    const moved = await batches.cancel(id, lane);
    const batch = await batches.read(id);
    // Also for a batch that was canceled before, because the process that canceled it may have died.
    if (batch === null || (moved !== "ok" && batch.status !== "cancelling")) return null;
    await putNextTask(batch);
    return batch;
  };
}
