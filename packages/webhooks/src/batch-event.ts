import type { Batch, BatchEvent } from "@darkroom/contracts";
import { type Cut, cutToSize } from "./cut-to-size.ts";

type Data = BatchEvent["data"];

/** Enough to see what kind of file was sent. */
const shownFaults = 10;

/** What is given up, in this order, until the event fits: the batch can be read for all of it. */
const cuts: readonly Cut<Data>[] = [
  {
    path: "errors.data",
    cut: (data) => ({
      ...data,
      errors: data.errors && { ...data.errors, data: data.errors.data.slice(0, shownFaults) },
    }),
  },
  { path: "errors", cut: (data) => ({ ...data, errors: null }) },
  { path: "metadata", cut: (data) => ({ ...data, metadata: null }) },
];

/**
 * The event of a batch that has ended, fit to be posted: as JSON at most 20,000 bytes. A batch that failed with many faults tells the
 * first ten; `data.truncated` names what was lost, and the error file has all of it. Throws where the batch has not ended.
 */
export function batchEvent(batch: Batch): BatchEvent {
  const { type, endedAt } = endingOf(batch);
  if (endedAt === null) throw new Error(`The batch ${batch.id} does not say when it ended.`);
  const eventOf = (data: Data): BatchEvent => ({ type, timestamp: new Date(endedAt * 1000).toISOString(), data });
  return eventOf(cutToSize<Data>(batch, cuts, eventOf));
}

function endingOf(batch: Batch): { type: BatchEvent["type"]; endedAt: number | null } {
  switch (batch.status) {
    case "completed":
      return { type: "batch.completed", endedAt: batch.completed_at };
    case "failed":
      return { type: "batch.failed", endedAt: batch.failed_at };
    case "expired":
      return { type: "batch.expired", endedAt: batch.expired_at };
    case "cancelled":
      return { type: "batch.cancelled", endedAt: batch.cancelled_at };
    default:
      throw new Error(`The batch ${batch.id} has not ended.`);
  }
}
