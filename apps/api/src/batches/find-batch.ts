import { ApiError, isBatchId } from "@darkroom/contracts";
import type { BatchRecord } from "@darkroom/batches";
import { queueAnswer } from "../generation/queue-answer.ts";
import type { Queue } from "../open-queue.ts";

/** Returns the function that reads a tenant's batch by the id in the path. Throws `ApiError` `not_found` for any other id. */
export function createFindBatch({ batches }: Pick<Queue["reads"], "batches">) {
  return async (tenant: string, id: string): Promise<BatchRecord> => {
    const record = isBatchId(id) ? await queueAnswer(batches.read(id)) : null;
    if (record?.tenant !== tenant) throw new ApiError("not_found", "There is no batch with this id.");
    return record;
  };
}

export type FindBatch = ReturnType<typeof createFindBatch>;
