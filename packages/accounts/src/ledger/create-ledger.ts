import type { LedgerEntry, UsageRow } from "@darkroom/contracts";
import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { Logger } from "@darkroom/runtime";
import { createExportLedger, type Exported } from "./export-ledger.ts";
import { createLedgerKeys } from "./ledger-keys.ts";
import { createLedgerSegments, type LedgerObjects } from "./ledger-segments.ts";
import { readLedger } from "./read-ledger.ts";
import { readUsage, type UsageQuery } from "./read-usage.ts";
import { type Rebuilt, rebuildUsage } from "./rebuild-usage.ts";
import { dayOf } from "./usage-days.ts";

export type LedgerOptions = {
  redis: Redis;
  /** Begins every key in Redis. */
  prefix: string;
  objects: LedgerObjects;
  log: Pick<Logger, "warn">;
  /** Entries of a whole segment: Redis reads two thousand in four milliseconds, and serves no other client meanwhile. */
  segmentEntries?: number;
  /** How old an entry may become in Redis, in milliseconds: an hour, so that a quiet day is at most 24 objects. */
  maxAgeMs?: number;
};

/** What every ending came to: entries in Redis, then in the object store, and the sums of each day. Days are those of UTC. */
export type Ledger = {
  /** The day that it is by the clock of Redis. */
  today(): Promise<string>;
  /** Exports what is due. Safe to do in several processes at once, and to break off anywhere. */
  exportDue(): Promise<Exported>;
  /** Exports all that Redis holds of a day. */
  exportDay(day: string): Promise<Exported>;
  /** All entries of a day, each once. Throws `LedgerError` for a broken line and a missing segment. */
  read(day: string): AsyncIterable<LedgerEntry>;
  /** Recomputes the sums of a day that is over, from its entries. Throws `LedgerError`. */
  rebuildUsage(day: string): Promise<Rebuilt>;
  /** What was used, by the sums of each day. */
  readUsage(query: UsageQuery): Promise<UsageRow[]>;
};

export function createLedger(options: LedgerOptions): Ledger {
  const { redis, prefix, objects, log, segmentEntries = 2_000, maxAgeMs = 3_600_000 } = options;
  const keys = createLedgerKeys(prefix);
  const segments = createLedgerSegments(objects);
  const read = (day: string) => readLedger({ redis, keys, segments }, day);
  return {
    ...createExportLedger({ redis, keys, segments, log, segmentEntries, maxAgeMs }),
    read,
    today: async () => dayOf(await redisTime(redis)),
    rebuildUsage: (day) => rebuildUsage({ redis, keys, read }, day),
    readUsage: (query) => readUsage(redis, keys, query),
  };
}
