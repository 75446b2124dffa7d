import { type LedgerEntry, ledgerEntrySchema } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { z } from "zod";
import { LedgerError } from "./ledger-error.ts";
import { type LedgerKeys, ledgerScript } from "./ledger-keys.ts";
import { type LedgerSegments, segmentKey } from "./ledger-segments.ts";

const readScript = ledgerScript("read-unexported", z.tuple([z.int(), z.array(z.string())]));

/** Entries of one read from Redis: about half a megabyte. */
const page = 1_000;

export type ReadLedgerDependencies = { redis: Redis; keys: LedgerKeys; segments: LedgerSegments };

/**
 * All entries of a day, from the store and then from Redis, each once, also while exports go on. Throws `LedgerError` for a line that is
 * not an entry and for a missing segment. Holds the ids of the day in memory.
 */
export async function* readLedger(
  { redis, keys, segments }: ReadLedgerDependencies,
  day: string,
): AsyncGenerator<LedgerEntry, void> {
  const seen = new Set<string>();
  function* fresh(lines: readonly string[], placeOf: (index: number) => string): Generator<LedgerEntry> {
    for (const [index, line] of lines.entries()) {
      const entry = parseEntry(line, () => placeOf(index));
      if (seen.has(entry.id)) continue;
      seen.add(entry.id);
      yield entry;
    }
  }

  /** Entries read from the store, entries that are in the store according to Redis, and the next place to read in Redis. */
  let end = 0;
  let exported = 0;
  let next = 0;
  for (;;) {
    for (let lines = await segments.read(day, end); lines !== null; lines = await segments.read(day, end)) {
      const offset = end;
      yield* fresh(lines, (index) => `Line ${index + 1} of ${segmentKey(day, offset)}`);
      end += lines.length;
    }
    if (end < exported) throw missing(day, end, exported);
    const [offset, entries] = await readScript(redis, [keys.entries(day), keys.export(day)], [next, page, end]);
    exported = offset;
    // Some were exported after the store was read, so they are read from the store.
    if (offset > end) continue;
    const first = Math.max(next, offset);
    yield* fresh(entries, (index) => `Entry ${first - offset + index + 1} of ${keys.entries(day)} in Redis`);
    next = first + entries.length;
    if (entries.length < page) return;
  }
}

function parseEntry(line: string, place: () => string): LedgerEntry {
  try {
    return ledgerEntrySchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new LedgerError("broken", `${place()} is not an entry of the ledger. Put back what was exported.`, { cause });
  }
}

const missing = (day: string, end: number, offset: number) =>
  new LedgerError(
    "missing",
    `The segment ${segmentKey(day, end)} is missing: ${offset} entries of ${day} were exported. Put it back, or see whether this is the right object store.`,
  );
