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
  /** How long an idempotency key stands for its batch after that has ended, in milliseconds. */
  claimsMs: number;
  /** What is billed of lines of what is accepted from now on, where they deliver nothing and a provider may have charged. */
  billUndelivered?: BillUndelivered;
  /** The catalogue, as text, that the lines of what is accepted are checked and priced by. Absent: that of the worker. */
  catalogue?: string | undefined;
};

/**
 * Returns the function that accepts a batch. It is accepted once its record is written; putting the job that validates it on its lane
 * comes after, and where that fails recovery does it. Throws what Redis threw when the record may not have been written.
 */
export function createBatchSubmitter({
  batches,
  lanes,
  log,
  claimsMs,
  billUndelivered,
  catalogue: text,
}: BatchSubmitterOptions) {
  const putNextTask = createPutNextTask({ lanes, log });
  return async (batch: NewBatch, request: Omit<BatchRequest, "claimsMs">): Promise<CreatedBatch> => {
    const catalogue = text === undefined ? undefined : await batches.keepCatalogue(text);
    const created = await batches.create({ billUndelivered, catalogue, ...batch }, { ...request, claimsMs });
    if (created.kind === "created") {
      // A key's next batch is looked at after the first of others: hundreds of one do not hold up what another has.
      await putNextTask({ id: batch.id, status: "validating", lane: null, ready: false }, created.ofHour);
    }
    return created;
  };
}
