import { isUnreadableRecord } from "@darkroom/generations";
import type { Lanes } from "@darkroom/queue";
import type { Keys, Quarantine } from "@darkroom/redis";
import { type Logger, createTicker } from "@darkroom/runtime";
import type { BatchStore } from "./batch-store.ts";
import { laneOfTask, nextTask } from "./batch-task.ts";

export type BatchRecoveryOptions = {
  batches: BatchStore;
  lanes: Lanes;
  keys: Pick<Keys, "batch">;
  quarantine: Pick<Quarantine, "setAside">;
  log: Logger;
  /** How often it ticks, in milliseconds. A batch whose job was lost stands still for at most as long. */
  everyMs: number;
};

/** Puts lost jobs of batches back, so that every batch that has not ended has its next job. Every worker runs it, and repeats do no harm. */
export function createBatchRecovery({ batches, lanes, keys, quarantine, log, everyMs }: BatchRecoveryOptions) {
  async function tick(): Promise<void> {
    /** The batches of a lane have one job together. */
    const seen = new Set<string>();
    for (const id of await batches.active()) {
      const batch = await batches.read(id).catch(async (error: unknown) => {
        if (!isUnreadableRecord(error)) throw error;
        // It is left to a worker of another release.
        await quarantine.setAside({ kind: "batch", id, error, record: keys.batch(id) });
        return null;
      });
      const job = batch === null ? null : nextTask(batch);
      if (job === null || seen.has(job)) continue;
      seen.add(job);
      if ((await lanes.find(laneOfTask(job), job)) !== null) continue;
      await lanes.add(laneOfTask(job), job, 1);
      log.warn({ batchId: id, job }, "The job of a batch was lost and is put back");
    }
  }

  const onError = (error: unknown) => log.warn({ err: error }, "The batches could not be looked after");
  const ticker = createTicker({ everyMs, tick, onError });

  return {
    /** One tick, now. */
    tick,
    close: (): Promise<void> => ticker.close(),
  };
}
