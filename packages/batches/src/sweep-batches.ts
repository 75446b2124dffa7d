import { batchObjects } from "./records/batch-objects.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type BatchStore } from "./records/batch-store.ts";
import { isUnreadableRecord } from "@darkroom/generations";
import { type Keys, type Quarantine, redisTime } from "@darkroom/redis";
import { type Logger } from "@darkroom/runtime";
import { ObjectNotFoundError, type ObjectStore, StorageError } from "@darkroom/storage";
import type { Redis } from "ioredis";
import { z } from "zod";
import { readJsonLines } from "./read-json-lines.ts";

export type BatchSweepOptions = {
  redis: Redis;
  keys: Keys;
  batches: Pick<BatchStore, "outlived" | "read" | "forget">;
  objects: Pick<ObjectStore, "get" | "head" | "delete">;
  /** Whether the images of lines are removed. Else a rule of the bucket does that. */
  removeImages?: boolean;
  quarantine: Pick<Quarantine, "setAside" | "release">;
  log: Logger;
};

/** Batches of one page. */
const pageBatches = 100;
/** Keys of one call to the store. */
const pageKeys = 1_000;
/** A batch with which the store cannot deal for the moment is tried again after so many milliseconds. */
const laterMs = 60_000;
/** After so many failures in a row the store must be away. */
const maxFailures = 3;

/** What of a result names its images, as any release wrote it. */
const notedSchema = z.object({ images: z.array(z.object({ key: z.string() })) });
const imagesSchema = z.object({ delivery: notedSchema.nullish(), superseded: z.array(notedSchema).default([]) });

/**
 * Returns the function that removes batches whose output is not kept any more: their images, then the segments that name these, then their
 * other objects, then their records. After a crash the next run starts from the beginning. A batch that cannot be read or removed is set
 * aside, and the others go. Throws where the store is away.
 */
export function createBatchSweep(options: BatchSweepOptions) {
  const { redis, keys: names, batches, objects, quarantine, log, removeImages = true } = options;

  async function remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (let first = 0; first < keys.length; first += pageKeys) {
      signal.throwIfAborted();
      await objects.delete(keys.slice(first, first + pageKeys));
    }
  }

  /** The images that a segment names. The images of an unreadable segment are named nowhere else. */
  async function imagesOf(segment: string): Promise<string[]> {
    try {
      const results = await readJsonLines(objects, segment, imagesSchema);
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

  /**
   * Removes numbered objects. Those that the record does not count are found from their neighbours, so they go first, the last one before
   * the others: after a crash the rest is still found.
   */
  async function removeNumbered(all: readonly string[], counted: number, signal: AbortSignal): Promise<void> {
    const uncounted = all.length - counted;
    for (const key of all.slice(0, uncounted)) await remove([key], signal);
    await remove(all.slice(uncounted), signal);
  }

  async function sweepBatch({ id, tenant, chunks, segments }: BatchRecord, signal: AbortSignal): Promise<void> {
    const stored = batchObjects(tenant, id);
    const results = await numbered(stored.results, segments);
    if (removeImages) for (const segment of results) await remove(await imagesOf(segment), signal);
    await removeNumbered(await numbered(stored.lines, chunks.length), chunks.length, signal);
    await removeNumbered(results, segments, signal);
    await remove([stored.faults], signal);
    await batches.forget(id);
    log.debug({ batchId: id, tenant }, "A batch and its images were removed, their time being over");
  }

  async function sweepOne(id: string, signal: AbortSignal): Promise<void> {
    const batch = await batches.read(id);
    if (batch === null) await batches.forget(id);
    else await sweepBatch(batch, signal);
    await quarantine.release("batch-removal", [id]);
  }

  return async (signal: AbortSignal): Promise<void> => {
    let failures = 0;
    for (;;) {
      const due = await batches.outlived(pageBatches);
      for (const id of due) {
        signal.throwIfAborted();
        try {
          await sweepOne(id, signal);
          failures = 0;
        } catch (error) {
          signal.throwIfAborted();
          if (isRefused(error)) {
            const record = names.batch(id);
            const waits = { lists: [names.endedBatches] };
            const drops = [record, names.batchEnded(id), names.batchLines(id)];
            await quarantine.setAside({ kind: "batch-removal", id, error, record, waits, drops });
            continue;
          }
          await redis.zadd(names.endedBatches, "XX", (await redisTime(redis)) + laterMs, id);
          log.warn({ batchId: id, err: error }, "What is left of a batch could not be removed; it is tried again");
          if (++failures === maxFailures) throw error;
        }
      }
      if (due.length < pageBatches) return;
    }
  };
}

/** Whether a batch cannot be dealt with for good. Everything else is over when Redis or the store is back. */
const isRefused = (error: unknown): boolean =>
  isUnreadableRecord(error) || (error instanceof StorageError && !error.retryable);
