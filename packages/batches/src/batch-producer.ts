import type { BillUndelivered } from "@darkroom/accounts";
import type { QueueConnection } from "@darkroom/generations";
import type { Lanes } from "@darkroom/queue";
import type { ReplicaWait } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import { createBatchStore } from "./records/batch-store.ts";
import { createBatchCanceler } from "./records/cancel-batch.ts";
import { createBatchSubmitter } from "./records/submit-batch.ts";

export type BatchProducerOptions = {
  lanes: Pick<Lanes, "add">;
  /** How long an idempotency key stands for its batch after the batch has ended, in milliseconds. */
  claimsMs: number;
  /** What is billed for a line of a new batch that delivers nothing and for which a provider may have charged. */
  billUndelivered?: BillUndelivered;
  /** The catalogue, as text, by which the lines of new batches are checked and priced. Absent: that of the worker. */
  catalogue?: string | undefined;
  /** Resolves when a key of Redis is on as many replicas as are wanted. Absent: none is wanted. */
  waitForReplicas?: ReplicaWait | undefined;
  log: Logger;
};

/** The parts of a process that accepts and cancels batches, on the connection of its queue. */
export function createBatchProducer({ redis, keys }: QueueConnection, options: BatchProducerOptions) {
  const { waitForReplicas } = options;
  const batches = createBatchStore(redis, keys);
  return {
    batches,
    submitBatch: createBatchSubmitter({
      ...options,
      batches,
      waitForReplicas: waitForReplicas && (async (id) => waitForReplicas(keys.batch(id))),
    }),
    cancelBatch: createBatchCanceler({ batches, ...options }),
  };
}

export type BatchProducer = ReturnType<typeof createBatchProducer>;
