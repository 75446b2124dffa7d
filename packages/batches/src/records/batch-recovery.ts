import { isUnreadableRecord } from "@darkroom/generations";
import type { Lanes } from "@darkroom/queue";
import type { Keys, OwnedTask, Quarantine, TaskLeases } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { BatchStore } from "./batch-store.ts";
import { laneOfTask, nextTask } from "./batch-task.ts";

export type BatchRecoveryOptions = {
  batches: BatchStore;
  lanes: Lanes;
  keys: Pick<Keys, "batch">;
  quarantine: Pick<Quarantine, "setAside">;
  log: Logger;
};

/** Puts lost jobs of batches back, so that every batch that has not ended has its next job. Two workers that do so at a time do no harm. */
export function createBatchRecovery({ batches, lanes, keys, quarantine, log }: BatchRecoveryOptions) {
  async function round(isHeld: () => boolean): Promise<void> {
    /** The batches of a lane have one job together. */
    const seen = new Set<string>();
    for (const id of await batches.active()) {
      if (!isHeld()) return;
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

  return {
    /** One round, now. */
    tick: (): Promise<void> => round(() => true),

    /**
     * Does a round every so many milliseconds while this worker holds the task. A batch whose job was lost stands still for at most as long.
     */
    own: (leases: TaskLeases, everyMs: number): OwnedTask =>
      leases.own({
        kind: "batch-recovery",
        parts: ["all"],
        everyMs,
        tick: ({ isHeld }) => round(isHeld),
        onError: (error) => log.warn({ err: error }, "The batches could not be looked after"),
      }),
  };
}
