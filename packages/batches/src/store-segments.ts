import type { Logger } from "@darkroom/runtime";
import { type ObjectStore, StorageError } from "@darkroom/storage";
import { batchObjects } from "./records/batch-objects.ts";
import type { BatchRecord } from "./records/batch-record.ts";
import type { Segment, WrittenSegment } from "./records/line-store.ts";

export type StoreSegmentsOptions = {
  objects: Pick<ObjectStore, "put">;
  log: Pick<Logger, "error">;
};

/** As long as a worker sends a bought image again that the store refuses: the results name images that are paid for. */
const patienceMs = 300_000;
/** A refusal so long after the one before it has another cause. */
const forgottenAfterMs = 3_600_000;

/**
 * Returns the function that stores a segment of results. It throws what the store refuses the segment with, for five minutes and for as long as
 * the store takes nothing else of that size either. After that it finds out what is refused. Where it is the name, the lines go into the
 * next segment. Where it is something in the text, they go into smaller segments, until a line that is refused for good is alone and lost.
 */
export function createStoreSegments({ objects, log }: StoreSegmentsOptions) {
  /** Batches of which the store has refused something: since when, and when last, by the clock that all processes share. */
  const refusals = new Map<string, { sinceMs: number; lastMs: number }>();

  /** Since when the store refuses segments of a batch, in Unix milliseconds. */
  function noteRefusal(batchId: string, nowMs: number): number {
    for (const [id, { lastMs }] of refusals) if (nowMs - lastMs > forgottenAfterMs) refusals.delete(id);
    const sinceMs = refusals.get(batchId)?.sinceMs ?? nowMs;
    refusals.set(batchId, { sinceMs, lastMs: nowMs });
    return sinceMs;
  }

  /** The refusal of the store, or null. */
  async function put(key: string, body: string): Promise<StorageError | null> {
    try {
      await objects.put(key, Buffer.from(body), { contentType: "application/jsonl" });
      return null;
    } catch (error) {
      if (error instanceof StorageError) return error;
      throw error;
    }
  }

  return async (
    { id, tenant }: Pick<BatchRecord, "id" | "tenant">,
    { number, text, lines }: Segment,
    nowMs: number,
  ): Promise<WrittenSegment> => {
    const { results } = batchObjects(tenant, id);
    const refusal = await put(results(number), text);
    if (refusal === null) return "stored";
    if (nowMs < noteRefusal(id, nowMs) + patienceMs) throw refusal;
    // The name of the next segment: what is written there is written over, or read as results, or removed with the batch.
    const place = results(number + 1);
    const atOtherName = await put(place, text);
    if (atOtherName === null) return { again: lines };
    if (atOtherName.retryable) throw refusal;
    // Lines without a result in them, and as many bytes: a disk that is full takes a few.
    if ((await put(place, "\n".repeat(Buffer.byteLength(text)))) !== null) {
      refusals.delete(id);
      throw refusal;
    }
    // It may be that the store has just come back.
    if ((await put(place, text)) === null) return { again: lines };
    if (lines > 1) return { again: Math.ceil(lines / 2) };
    log.error(
      { batchId: id, tenant, segment: number, err: refusal },
      "The store refuses the result of a line for good; the line counts as failed, though it may be paid for",
    );
    return "lost";
  };
}
