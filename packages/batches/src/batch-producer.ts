import type { BillUndelivered } from "@darkroom/accounts";
import type { QueueConnection } from "@darkroom/generations";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import { createBatchStore } from "./records/batch-store.ts";
import { createBatchCanceler } from "./records/cancel-batch.ts";
import { createBatchSubmitter } from "./records/submit-batch.ts";

export type BatchProducerOptions = {
  lanes: Pick<Lanes, "add">;
  /** How long an idempotency key stands for its batch after that has ended, in milliseconds. */
  claimsMs: number;
  /** What is billed of lines of what is accepted from now on, where they deliver nothing and a provider may have charged. */
  billUndelivered?: BillUndelivered;
  /** The catalogue, as text, that the lines of what is accepted are checked and priced by. Absent: that of the worker. */
  catalogue?: string | undefined;
  log: Logger;
};

/** Batches as a process sees them that accepts and cancels them, on the connection of its queue. */
export function createBatchProducer({ redis, keys }: QueueConnection, options: BatchProducerOptions) {
  const batches = createBatchStore(redis, keys);
  return {
    batches,
    submitBatch: createBatchSubmitter({ batches, ...options }),
    cancelBatch: createBatchCanceler({ batches, ...options }),
  };
}

export type BatchProducer = ReturnType<typeof createBatchProducer>;
