import type { BatchStore } from "./records/batch-store.ts";
import type { FeedingBatch, LineStore } from "./records/line-store.ts";
import type { GenerationStore } from "@darkroom/generations";
import type { Logger } from "@darkroom/runtime";

export type StopBatchOptions = {
  lane: string;
  batches: Pick<BatchStore, "overdue" | "cancel">;
  lines: Pick<LineStore, "open" | "giveUp">;
  generations: Pick<GenerationStore, "withdraw" | "cancel">;
  /** Null for a key that is disabled, expired or deleted, whose batches are stopped. */
  accountOf: (keyId: string) => Promise<object | null>;
  /** Counts a line that was canceled while it ran, and is not billed though the provider may have charged for it. */
  countUnbilled: (batch: Pick<FeedingBatch, "model" | "tenant" | "keyId">) => void;
  log: Pick<Logger, "info">;
};

/**
 * How long lines that run, or have images to deliver, may finish after their batch was stopped, in milliseconds: a provider call has six
 * minutes, and its upload five. After that the worker must be dead, and no other worker of that lane takes the line over.
 */
const finishMs = 15 * 60_000;

/**
 * Returns the function that stops a batch that is out of time or whose key is stopped, and ends the lines of a stopped batch: at once those
 * that no worker runs and that have no image, and the others after their time to finish. It answers the batch after that. It may be called
 * again.
 */
export function createStopBatch({
  lane,
  batches,
  lines,
  generations,
  accountOf,
  countUnbilled,
  log,
}: StopBatchOptions) {
  async function stopIfDue(batch: FeedingBatch, nowMs: number): Promise<FeedingBatch> {
    if (batch.status !== "in_progress" || batch.outcome !== null) return batch;
    const fields = { batchId: batch.id, tenant: batch.tenant };
    if (nowMs >= batch.expiresAtMs) {
      await batches.overdue(batch.id, lane);
      log.info(fields, "A batch is out of time");
      return { ...batch, outcome: "expired" };
    }
    if ((await accountOf(batch.keyId)) === null) {
      await batches.cancel(batch.id, lane);
      log.info({ ...fields, keyId: batch.keyId }, "The key of a batch is no longer in use");
      return { ...batch, status: "cancelling", outcome: "cancelled" };
    }
    return batch;
  }

  async function endLines(batch: FeedingBatch, nowMs: number): Promise<void> {
    const isExpired = batch.outcome === "expired";
    const stoppedAtMs = isExpired ? batch.expiresAtMs : (batch.atMs.cancelling ?? nowMs);
    const isOver = nowMs >= stoppedAtMs + finishMs;
    for (const id of await lines.open(batch.id)) {
      const answer = await generations.withdraw(id, lane, isExpired ? "expired" : "canceled");
      if (answer === "gone") await lines.giveUp(batch.id, id);
      if (answer !== "kept" || !isOver) continue;
      const canceledIn = await generations.cancel(id, lane);
      if (canceledIn === "running" && batch.billUndelivered !== "reserved") countUnbilled(batch);
    }
  }

  return async (found: FeedingBatch, nowMs: number): Promise<FeedingBatch> => {
    const batch = await stopIfDue(found, nowMs);
    if (batch.outcome !== null) await endLines(batch, nowMs);
    return batch;
  };
}
