import { buffer } from "node:stream/consumers";
import type { ObjectStore } from "@darkroom/storage";
import { LedgerError } from "./ledger-error.ts";

/** The functions of an object store that the ledger needs. */
export type LedgerObjects = Pick<ObjectStore, "put" | "get" | "head">;

/** Names of tenants begin with a letter or a digit, so no tenant has this folder. Ten digits sort by name as they do by number. */
export const segmentKey = (day: string, offset: number): string =>
  `_ledger/${day}/${String(offset).padStart(10, "0")}.jsonl`;

/**
 * A day's ledger in the object store: a chain of segments, JSON Lines each. A segment is named by how many entries come before it, so
 * the number of its lines names the next one, and the store need not be listed.
 */
export function createLedgerSegments(objects: LedgerObjects) {
  /** The lines of a segment, or null where there is none. */
  async function read(day: string, offset: number): Promise<string[] | null> {
    const key = segmentKey(day, offset);
    if ((await objects.head(key)) === null) return null;
    const lines = (await buffer((await objects.get(key)).body)).toString().split("\n");
    // Every line ends with a line feed. The successor of an object without any would be the object itself.
    if (lines.pop() !== "" || lines.length === 0) {
      throw new LedgerError("broken", `The segment ${key} does not end with a whole line. Put back what was exported.`);
    }
    return lines;
  }

  return {
    read,

    /** The end of the chain, searched from `offset` on: how many entries of the day are in the store. */
    async end(day: string, offset = 0): Promise<number> {
      for (let end = offset; ;) {
        const lines = await read(day, end);
        if (lines === null) return end;
        end += lines.length;
      }
    },

    /** Writes a segment that does not exist yet. False where another segment has its name; that one is not changed. */
    async write(day: string, offset: number, entries: readonly string[]): Promise<boolean> {
      const there = await read(day, offset);
      if (there !== null) return there.length === entries.length && there.every((line, i) => line === entries[i]);
      const text = entries.map((entry) => `${entry}\n`).join("");
      await objects.put(segmentKey(day, offset), Buffer.from(text), { contentType: "application/jsonl" });
      return true;
    },
  };
}

export type LedgerSegments = ReturnType<typeof createLedgerSegments>;
