import { isBatchEnding } from "@darkroom/contracts";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { BatchRecord } from "./batch-record.ts";

/** The lane of what is done once for a batch and may take long. The lines of batches have lanes of their own. */
const filesLane = "batches";
/** The lane of rounds: apart from those, so that files that are read and written for minutes never keep a line from its lane. */
const roundsLane = "batch-rounds";

/** The lanes of what is to be done about batches. */
export const batchesLanes = [filesLane, roundsLane] as const;

/** What there is to do: a job is named by it, and by what it is to be done with. */
export const batchTask = {
  validate: (batchId: string): string => `validate.${batchId}`,
  feed: (lane: string): string => `feed.${lane}`,
  finalize: (batchId: string): string => `finalize.${batchId}`,
};

/** What a job is, and what it is to be done with. */
export function partsOf(job: string): { name: string; subject: string } {
  const [, name = "", subject = ""] = /^(\w+)\.(.*)$/.exec(job) ?? [];
  return { name, subject };
}

/** The lane that a job goes on. */
export const laneOfTask = (job: string): string => (job.startsWith(batchTask.feed("")) ? roundsLane : filesLane);

/** What of a batch says what it needs done next. */
export type BatchState = Pick<BatchRecord, "id" | "status" | "lane" | "ready">;

/** What a batch needs done next; null for one that has ended. */
export function nextTask({ id, status, lane, ready }: BatchState): string | null {
  if (isBatchEnding(status)) return null;
  if (status === "validating") return batchTask.validate(id);
  if (ready) return batchTask.finalize(id);
  return lane === null ? null : batchTask.feed(lane);
}

/**
 * Returns the function that puts the job that brings a batch on upon its lane; one that is there already stays. Where that fails the
 * recovery does it. The higher its rank the later it is done.
 */
export const createPutNextTask =
  ({ lanes, log }: { lanes: Pick<Lanes, "add">; log: Logger }) =>
  async (batch: BatchState, rank = 1): Promise<void> => {
    const job = nextTask(batch);
    if (job === null) return;
    try {
      await lanes.add(laneOfTask(job), job, rank);
    } catch (error) {
      const fields = { batchId: batch.id, job, err: error };
      log.warn(fields, "The job of a batch could not be put on its lane; recovery will");
    }
  };
