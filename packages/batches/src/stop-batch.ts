import type { BatchStore } from "./records/batch-store.ts";
import type { FeedingBatch, LineStore } from "./records/line-store.ts";
import type { GenerationStore } from "@darkroom/generations";
import type { Lanes } from "@darkroom/queue";
import { isDamage } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import { batchObjects } from "./records/batch-objects.ts";

export type StopBatchOptions = {
  lane: string;
  batches: Pick<BatchStore, "overdue" | "cancel">;
  lines: Pick<LineStore, "open" | "giveUp">;
  generations: Pick<GenerationStore, "withdraw" | "cancel">;
  lanes: Pick<Lanes, "areLocked">;
  objects: Pick<ObjectStore, "head">;
  /** Null for a key that is disabled, expired or deleted, whose batches are stopped. */
  accountOf: (keyId: string) => Promise<object | null>;
  /** Counts a line that was canceled while it ran, and is not billed though the provider may have charged for it. */
  countUnbilled: (batch: Pick<FeedingBatch, "model" | "tenant" | "keyId">) => void;
  log: Pick<Logger, "info" | "error">;
};

/**
 * How long a line that has begun, or has images to deliver, may wait for a worker after its batch was stopped, or after the store was away. It
 * does not bound an attempt: for as long as a worker holds the lock of a line, the line is left to it, whether it waits for the provider (six
 * minutes at most) or for a store (without an end). A worker that died has lost its lock after 30 seconds, and another takes the line after
 * ten more. When none has done that after a quarter of an hour, no worker of that lane is left.
 */
const finishMs = 15 * 60_000;

/** What a script answers, or `damaged` where it fails because of what is stored of one line: that must not keep the others. */
const unlessDamaged = <T>(answer: Promise<T>): Promise<T | "damaged"> =>
  answer.catch((error: unknown) => {
    if (isDamage(error)) return "damaged";
    throw error;
  });

/**
 * Returns the function that stops a batch that is out of time or whose key is stopped, and ends the lines of a stopped batch: at once those
 * that no worker runs and that have no image, and the others when no worker of their lane is left. It answers the batch after that. It may
 * be called again.
 */
export function createStopBatch({
  lane,
  batches,
  lines,
  generations,
  lanes,
  objects,
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
    const kept: string[] = [];
    for (const id of await lines.open(batch.id)) {
      const answer = await unlessDamaged(generations.withdraw(id, lane, isExpired ? "expired" : "canceled"));
      if (answer === "gone") await lines.giveUp(batch.id, id);
      if (answer === "kept" || answer === "damaged") kept.push(id);
    }
    if (kept.length === 0 || nowMs < stoppedAtMs + finishMs || !(await hasServed(batch, nowMs))) return;
    const areLocked = await lanes.areLocked(lane, kept);
    for (const [i, id] of kept.entries()) {
      if (areLocked[i] === true) continue;
      const canceledIn = await unlessDamaged(generations.cancel(id, lane));
      if (canceledIn === "running" && batch.billUndelivered !== "reserved") countUnbilled(batch);
      // It has ended and waits to be collected, or its status says nothing that is known here.
      const isDamaged = canceledIn === "ended" || canceledIn === "damaged";
      if (isDamaged && (await lines.giveUp(batch.id, id, true)) === "lost") {
        log.error(
          { batchId: batch.id, tenant: batch.tenant, generationId: id },
          "The record of a line of a stopped batch cannot be read; the line counts as failed",
        );
      }
    }
  }

  /** Since when the store is known to serve after it was away. No worker begins a line while it is away. */
  let servesSinceMs: number | null = -Infinity;

  /** Whether the store has served for long enough that a worker would have taken what waits. */
  async function hasServed({ tenant, id }: FeedingBatch, nowMs: number): Promise<boolean> {
    try {
      await objects.head(batchObjects(tenant, id).faults);
    } catch {
      servesSinceMs = null;
      return false;
    }
    servesSinceMs ??= nowMs;
    return nowMs >= servesSinceMs + finishMs;
  }

  return async (found: FeedingBatch, nowMs: number): Promise<FeedingBatch> => {
    const batch = await stopIfDue(found, nowMs);
    if (batch.outcome !== null) await endLines(batch, nowMs);
    return batch;
  };
}
