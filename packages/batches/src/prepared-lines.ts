import { batchObjects } from "./records/batch-objects.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type PreparedLine, preparedLineSchema } from "./records/prepared-line.ts";
import type { ObjectStore } from "@darkroom/storage";
import { readJsonLines } from "./read-json-lines.ts";

/** Batches whose chunk is cached, parsed, at most a megabyte of JSON each. When more batches are fed at a time, each has few lines anyway. */
const keptBatches = 50;

/** Reads prepared lines from the chunks that validation wrote, and caches the latest chunk of each batch. */
export function createPreparedLines(objects: Pick<ObjectStore, "get">) {
  const kept = new Map<string, { number: number; lines: PreparedLine[] }>();

  async function read(batch: BatchRecord, number: number): Promise<PreparedLine[]> {
    const key = batchObjects(batch.tenant, batch.id).lines(number);
    const all = await readJsonLines(objects, key, preparedLineSchema);
    const lines = all.filter((line) => line !== null);
    if (lines.length < all.length) throw new Error(`There are prepared lines under ${key} that cannot be read`);
    const [first = 0, end = batch.total] = batch.chunks.slice(number, number + 2);
    // A second run of the validation may have overwritten it, with another catalogue.
    if (lines.length !== end - first || lines.some(({ index }, i) => index !== first + i)) {
      throw new Error(`The prepared lines under ${key} are not those from ${first} to ${end - 1}`);
    }
    return lines;
  }

  async function chunk(batch: BatchRecord, number: number): Promise<PreparedLine[]> {
    const last = kept.get(batch.id);
    const lines = last?.number === number ? last.lines : await read(batch, number);
    // The least recently used chunk is dropped first.
    kept.delete(batch.id);
    kept.set(batch.id, { number, lines });
    const [oldest] = kept.keys();
    if (kept.size > keptBatches && oldest !== undefined) kept.delete(oldest);
    return lines;
  }

  return {
    /** The lines from an index on, to the end of their chunk: at least one where there is one. */
    async from(batch: BatchRecord, index: number): Promise<PreparedLine[]> {
      const number = batch.chunks.findLastIndex((first) => first <= index);
      const first = batch.chunks[number];
      if (first === undefined || index >= batch.total) return [];
      return (await chunk(batch, number)).slice(index - first);
    },
  };
}

export type PreparedLines = ReturnType<typeof createPreparedLines>;
