import { batchObjects, type BatchRecord, type PreparedLine, preparedLineSchema } from "@darkroom/queue";
import type { ObjectStore } from "@darkroom/storage";
import { readJsonLines } from "./read-json-lines.ts";

/** Chunks that are kept parsed, each at most a megabyte of JSON: one for each of the batches that are fed at a time, as a rule. */
const keptChunks = 50;

/** Reads prepared lines out of the chunks that validation wrote, and keeps the chunks that were read last. */
export function createPreparedLines(objects: Pick<ObjectStore, "get">) {
  const kept = new Map<string, PreparedLine[]>();

  async function chunk(batch: BatchRecord, number: number): Promise<PreparedLine[]> {
    const key = batchObjects(batch.tenant, batch.id).lines(number);
    let lines = kept.get(key);
    if (lines === undefined) {
      const read = await readJsonLines(objects, key, preparedLineSchema);
      lines = read.filter((line) => line !== null);
      if (lines.length < read.length) throw new Error(`There are prepared lines under ${key} that cannot be read`);
    }
    // The one that was used last is the last to go.
    kept.delete(key);
    kept.set(key, lines);
    const [oldest] = kept.keys();
    if (kept.size > keptChunks && oldest !== undefined) kept.delete(oldest);
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
