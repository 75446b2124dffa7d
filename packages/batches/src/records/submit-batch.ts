import type { BillUndelivered } from "@darkroom/accounts";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { BatchStore } from "./batch-store.ts";
import type { BatchRequest, CreatedBatch, NewBatch } from "./create-batch.ts";
import { createPutNextTask } from "./batch-task.ts";

export type BatchSubmitterOptions = {
  batches: Pick<BatchStore, "create" | "keepCatalogue">;
  lanes: Pick<Lanes, "add">;
  log: Logger;
  /** Resolves when a batch is on as many replicas of Redis as are wanted, and rejects where that is not known. Absent: none is wanted. */
  waitForReplicas?: ((id: string) => Promise<void>) | undefined;
  /** How long an idempotency key stands for its batch after the batch has ended, in milliseconds. */
  claimsMs: number;
  /** What is billed for a line of a new batch that delivers nothing and for which a provider may have charged. */
  billUndelivered?: BillUndelivered;
  /** The catalogue, as text, by which the lines of new batches are checked and priced. Absent: that of the worker. */
  catalogue?: string | undefined;
};

/**
 * Returns the function that accepts a batch. The batch is accepted once its record is written. The job that validates it is put on its lane
 * afterwards; where that fails, recovery does it. Throws the error of Redis when the record may not have been written, and a
 * `NotReplicatedError` when it may be lost with the primary.
 */
export function createBatchSubmitter({
  batches,
  lanes,
  log,
  waitForReplicas,
  claimsMs,
  billUndelivered,
  catalogue: text,
}: BatchSubmitterOptions) {
  const putNextTask = createPutNextTask({ lanes, log });
  return async (batch: NewBatch, request: Omit<BatchRequest, "claimsMs">): Promise<CreatedBatch> => {
    const catalogue = text === undefined ? undefined : await batches.keepCatalogue(text);
    const created = await batches.create({ billUndelivered, catalogue, ...batch }, { ...request, claimsMs });
    if (created.kind === "created") {
      // A key's second batch is validated after the first of other keys, so that hundreds of one key do not delay another key.
      await putNextTask({ id: batch.id, status: "validating", lane: null, ready: false }, created.ofHour);
    }
    if (created.kind === "created") await waitForReplicas?.(batch.id);
    return created;
  };
}
