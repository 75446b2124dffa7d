import { batchObjects } from "./records/batch-objects.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type PreparedLine, preparedLineSchema } from "./records/prepared-line.ts";
import type { ObjectStore } from "@darkroom/storage";
import { parseJsonLines } from "./read-json-lines.ts";

/**
 * Bytes of chunks that are cached, as JSON; parsed they take some times as much. A chunk has a megabyte at most, and that of a small batch some
 * kilobytes: these are 50 large batches, or thousands of small ones. A round reads each chunk twice, so what is not cached is a call to
 * the store twice a round.
 */
const keptBytes = 50_000_000;

type Chunk = { number: number; lines: PreparedLine[]; bytes: number };

/** Reads prepared lines from the chunks that validation wrote, and caches the latest chunk of each batch. */
export function createPreparedLines(objects: Pick<ObjectStore, "get">) {
  const kept = new Map<string, Chunk>();
  let bytesKept = 0;

  async function read(batch: BatchRecord, number: number): Promise<Chunk> {
    const key = batchObjects(batch.tenant, batch.id).lines(number);
    const opened = await objects.get(key);
    const all = await parseJsonLines(opened.body, preparedLineSchema);
    const lines = all.filter((line) => line !== null);
    if (lines.length < all.length) throw new Error(`There are prepared lines under ${key} that cannot be read`);
    const [first = 0, end = batch.total] = batch.chunks.slice(number, number + 2);
    // A second run of the validation may have overwritten it, with another catalogue.
    if (lines.length !== end - first || lines.some(({ index }, i) => index !== first + i)) {
      throw new Error(`The prepared lines under ${key} are not those from ${first} to ${end - 1}`);
    }
    return { number, lines, bytes: opened.size };
  }

  function forget(batchId: string): void {
    bytesKept -= kept.get(batchId)?.bytes ?? 0;
    kept.delete(batchId);
  }

  async function chunk(batch: BatchRecord, number: number): Promise<PreparedLine[]> {
    const last = kept.get(batch.id);
    const found = last?.number === number ? last : await read(batch, number);
    // The least recently used chunk is dropped first.
    forget(batch.id);
    kept.set(batch.id, found);
    bytesKept += found.bytes;
    for (const oldest of kept.keys()) {
      if (bytesKept <= keptBytes || oldest === batch.id) break;
      forget(oldest);
    }
    return found.lines;
  }

  return {
    /** The lines from an index on, to the end of their chunk: at least one where there is one. */
    async from(batch: BatchRecord, index: number): Promise<PreparedLine[]> {
      const number = batch.chunks.findLastIndex((first) => first <= index);
      const first = batch.chunks[number];
      if (first === undefined || index >= batch.total) {
        forget(batch.id);
        return [];
      }
      return (await chunk(batch, number)).slice(index - first);
    },
  };
}

export type PreparedLines = ReturnType<typeof createPreparedLines>;
