import { batchObjects } from "./records/batch-objects.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type BatchStore } from "./records/batch-store.ts";
import { lineResultSchema } from "./records/line-result.ts";
import { type Logger } from "@darkroom/runtime";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import { readJsonLines } from "./read-json-lines.ts";

export type BatchSweepOptions = {
  batches: Pick<BatchStore, "outlived" | "read" | "forget">;
  objects: Pick<ObjectStore, "get" | "head" | "delete">;
  log: Logger;
};

/** Batches of one round. The next round takes the rest. */
const roundBatches = 100;
/** Keys of one call to the store. */
const pageKeys = 1_000;

/**
 * Returns the function that removes batches whose output is not kept any more: their images, then the segments that name these, then their
 * other objects, then their records. Every worker may run it. After a crash the next run starts from the beginning.
 */
export function createBatchSweep({ batches, objects, log }: BatchSweepOptions) {
  async function remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (let first = 0; first < keys.length; first += pageKeys) {
      signal.throwIfAborted();
      await objects.delete(keys.slice(first, first + pageKeys));
    }
  }

  /** The images that a segment names. The images of an unreadable segment are named nowhere else. */
  async function imagesOf(segment: string): Promise<string[]> {
    try {
      const results = await readJsonLines(objects, segment, lineResultSchema);
      const whole = results.filter((result) => result !== null);
      const deliveries = whole.flatMap(({ delivery, superseded }) => superseded.concat(delivery ?? []));
      return deliveries.flatMap(({ images }) => images.map(({ key }) => key));
    } catch (error) {
      if (error instanceof ObjectNotFoundError) return [];
      throw error;
    }
  }

  /** The keys of numbered objects, the last one first; also of those that were written and not counted before a crash. */
  async function numbered(keyOf: (number: number) => string, known: number): Promise<string[]> {
    let count = known;
    while ((await objects.head(keyOf(count))) !== null) count++;
    return Array.from({ length: count }, (_, i) => keyOf(count - 1 - i));
  }

  async function sweepBatch({ id, tenant, chunks, segments }: BatchRecord, signal: AbortSignal): Promise<void> {
    const stored = batchObjects(tenant, id);
    const results = await numbered(stored.results, segments);
    for (const segment of results) await remove(await imagesOf(segment), signal);
    // Backwards, so that after a crash the uncounted objects are still found from their neighbours.
    for (const key of await numbered(stored.lines, chunks.length)) await remove([key], signal);
    for (const key of results) await remove([key], signal);
    await remove([stored.faults], signal);
    await batches.forget(id);
    log.debug({ batchId: id, tenant }, "A batch and its images were removed, their time being over");
  }

  return async (signal: AbortSignal): Promise<void> => {
    for (const id of await batches.outlived(roundBatches)) {
      signal.throwIfAborted();
      try {
        const batch = await batches.read(id);
        if (batch === null) await batches.forget(id);
        else await sweepBatch(batch, signal);
      } catch (error) {
        signal.throwIfAborted();
        // Other batches go on, and this one is tried again in the next round.
        log.warn({ batchId: id, err: error }, "What is left of a batch could not be removed");
      }
    }
  };
}
