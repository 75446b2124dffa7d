import { buffer } from "node:stream/consumers";
import type { ObjectStore } from "@darkroom/storage";
import { LedgerError } from "./ledger-error.ts";

/** As much of an object store as the ledger needs. */
export type LedgerObjects = Pick<ObjectStore, "put" | "get" | "head">;

/** Tenants begin with a letter or a digit, so that no tenant's images lie here. Ten digits sort as they count. */
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
    // Every line ends with a line feed; an object without any would be followed by itself.
    if (lines.pop() !== "" || lines.length === 0) {
      throw new LedgerError("broken", `The segment ${key} does not end with a whole line. Put back what was exported.`);
    }
    return lines;
  }

  return {
    read,

    /** Where the chain ends, looked for from `offset` on: the entries of the day that are in the store. */
    async end(day: string, offset = 0): Promise<number> {
      for (let end = offset; ;) {
        const lines = await read(day, end);
        if (lines === null) return end;
        end += lines.length;
      }
    },

    /** Writes a segment that is not there yet. False where another one has its name: it stays as it is. */
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
