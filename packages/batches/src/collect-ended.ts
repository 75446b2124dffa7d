import { type BatchRecord } from "./records/batch-record.ts";
import { type LineStore } from "./records/line-store.ts";
import { createStoreSegments, type StoreSegmentsOptions } from "./store-segments.ts";

export type CollectEndedOptions = StoreSegmentsOptions & {
  lines: Pick<LineStore, "countEnded" | "collect">;
  /** How many lines may be on the lane, all batches together. */
  window: number;
};

/** Of a round. */
type Look = {
  /** How many lines of the batch are on the lane, or have ended and are not collected. */
  outstanding: number;
  /** How many batches share the window. */
  batches: number;
  nowMs: number;
};

/** Lines of one segment of results: a fifth of a megabyte. Redis takes a millisecond or two to read them, and as long to drop them. */
const maxSegment = 200;
/** With fewer lines a segment is not worth an object of its own … */
const minSegment = 100;
/** … unless they have waited this long: what is collected is what `request_counts` shows. */
const shortestWaitMs = 2_000;
/**
 * The counts of a long batch are late by a five-hundredth of its age, a minute at most. Otherwise a batch with one line a second would have
 * an object for every second line, and its output would be read from 25,000 objects. Over a day it has some 3,000.
 */
const waitShare = 1 / 500;
const longestWaitMs = 60_000;

/** Returns the function that stores the ended lines of a batch, if they are enough or have waited long enough. It answers how many. */
export function createCollectEnded({ lines, window, ...options }: CollectEndedOptions) {
  const store = createStoreSegments(options);

  function waitMsOf({ atMs, createdAtMs }: BatchRecord, { batches, nowMs }: Look): number {
    // Lines that wait to be collected take up the window; those of many batches could fill it.
    if (batches * minSegment > window / 2) return shortestWaitMs;
    const ageMs = nowMs - (atMs.in_progress ?? createdAtMs);
    return Math.min(Math.max(ageMs * waitShare, shortestWaitMs), longestWaitMs);
  }

  return async (batch: BatchRecord, look: Look): Promise<number> => {
    const ended = await lines.countEnded(batch.id);
    if (ended === 0) return 0;
    // From its beginning where nothing was collected yet: a small batch that is drawn within that time has one segment.
    const waitedMs = look.nowMs - Math.max(batch.collectedAtMs, batch.atMs.in_progress ?? batch.createdAtMs);
    const isLast = ended === look.outstanding && (batch.fed === batch.total || batch.outcome !== null);
    if (ended < minSegment && waitedMs < waitMsOf(batch, look) && !isLast) return 0;
    let collected = 0;
    for (let some = maxSegment; some === maxSegment; collected += some) {
      const counts = { most: maxSegment, fewest: 1 };
      some = await lines.collect(batch, counts, (segment) => store(batch, segment, look.nowMs));
    }
    return collected;
  };
}
