import type { PreparedLine } from "../records/prepared-line.ts";
import type { ObjectStore } from "@darkroom/storage";

/** As many as are put on a lane in one command. More would block Redis for all other clients. */
const maxLines = 500;
/** A process holds some chunks of a batch. A larger line has a chunk of its own. */
const maxBytes = 1_000_000;

/**
 * Writes prepared lines into chunks, one JSON object a line. One chunk is filled while the previous one is uploaded, and no more are held.
 * The same lines make the same chunks, so a second run overwrites the chunks of the first.
 * @param keyOf the object key of a chunk, counted from 0
 */
export function createChunkWriter(
  objects: Pick<ObjectStore, "put" | "head" | "delete">,
  keyOf: (chunk: number) => string,
) {
  /** The index of the first line of each chunk that was written. */
  const firsts: number[] = [];
  let first = 0;
  let lines: string[] = [];
  let bytes = 0;
  /** The upload of the previous chunk. */
  let writing = Promise.resolve();

  async function flush(): Promise<void> {
    await writing;
    if (lines.length === 0) return;
    writing = objects.put(keyOf(firsts.length), Buffer.from(lines.join("")), { contentType: "application/jsonl" });
    // The next wait for this write reports the error.
    writing.catch(() => {});
    firsts.push(first);
    first += lines.length;
    lines = [];
    bytes = 0;
  }

  /** Removes the chunks from an index on, also those of a run that died. Chunks are written in order, so the first gap is the end. */
  async function removeFrom(chunk: number): Promise<void> {
    let end = Math.max(chunk, firsts.length);
    while ((await objects.head(keyOf(end))) !== null) end++;
    if (end > chunk) await objects.delete(Array.from({ length: end - chunk }, (_, i) => keyOf(chunk + i)));
  }

  return {
    /** Adds the next line. */
    async add(line: PreparedLine): Promise<void> {
      const text = `${JSON.stringify(line)}\n`;
      const size = Buffer.byteLength(text);
      if (lines.length === maxLines || bytes + size > maxBytes) await flush();
      lines.push(text);
      bytes += size;
    },

    /** Writes what is left and returns the index of the first line of each chunk. */
    async finish(): Promise<readonly number[]> {
      await flush();
      // The last chunk and what may be behind it are two keys: neither waits for the other.
      await Promise.all([writing, removeFrom(firsts.length)]);
      return firsts;
    },

    /** Waits for the current upload, whether it succeeds or fails. */
    idle: () => writing.catch(() => {}),

    /** Removes every chunk, also those of other runs. */
    removeAll: () => removeFrom(0),
  };
}

export type ChunkWriter = ReturnType<typeof createChunkWriter>;
