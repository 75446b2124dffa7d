import type { LedgerEntry, UsageRow } from "@darkroom/contracts";
import { type Quarantine, redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { Logger } from "@darkroom/runtime";
import { createExportLedger, type Exported, type LedgerBacklog } from "./export-ledger.ts";
import { createLedgerKeys } from "./ledger-keys.ts";
import { createLedgerSegments, type LedgerObjects } from "./ledger-segments.ts";
import { readLedger } from "./read-ledger.ts";
import { readUsage, type UsageQuery } from "./read-usage.ts";
import { type Rebuilt, rebuildUsage } from "./rebuild-usage.ts";
import { addDays, dayOf, daysFrom } from "./usage-days.ts";

export type LedgerOptions = {
  redis: Redis;
  /** Begins every key in Redis. */
  prefix: string;
  objects: LedgerObjects;
  /** For a process that exports what is due: where days go that cannot be exported. */
  quarantine?: Pick<Quarantine, "setAside" | "release"> | undefined;
  log: Pick<Logger, "warn">;
  /** Entries of a whole segment. Redis takes four milliseconds to read two thousand, and serves no other client in that time. */
  segmentEntries?: number;
  /** How old an entry may become in Redis, in milliseconds: an hour, so that a quiet day is at most 24 objects. */
  maxAgeMs?: number;
};

/** The ledger has one entry for each ending, first in Redis and later in the object store, and the sums of each day. Days are UTC. */
export type Ledger = {
  /** The current day by the clock of Redis. */
  today(): Promise<string>;
  /** Exports what is due. Several processes may do so at once, and each may be killed at any point. */
  exportDue(): Promise<Exported>;
  /** Exports all that Redis holds of a day. */
  exportDay(day: string): Promise<Exported>;
  /** What is not in the object store yet. */
  backlog(): Promise<LedgerBacklog>;
  /** All entries of a day, each once. Throws `LedgerError` for a broken line and a missing segment. */
  read(day: string): AsyncIterable<LedgerEntry>;
  /** Recomputes the sums of a day that is over, from its entries. Throws `LedgerError`. */
  rebuildUsage(day: string): Promise<Rebuilt>;
  /** The tenants with an ending on one of the latest days, so many and today. */
  readTenants(days: number): Promise<string[]>;
  /** Reads usage from the sums of each day. */
  readUsage(query: UsageQuery): Promise<UsageRow[]>;
};

export function createLedger(options: LedgerOptions): Ledger {
  const { redis, prefix, objects, quarantine, log, segmentEntries = 2_000, maxAgeMs = 3_600_000 } = options;
  const keys = createLedgerKeys(prefix);
  const segments = createLedgerSegments(objects);
  const read = (day: string) => readLedger({ redis, keys, segments }, day);
  return {
    ...createExportLedger({ redis, keys, segments, quarantine, log, segmentEntries, maxAgeMs }),
    read,
    today: async () => dayOf(await redisTime(redis)),
    rebuildUsage: (day) => rebuildUsage({ redis, keys, read }, day),
    async readTenants(days) {
      const today = dayOf(await redisTime(redis));
      return redis.sunion(...daysFrom(addDays(today, -days), today).map((day) => keys.usageTenants(day)));
    },
    readUsage: (query) => readUsage(redis, keys, query),
  };
}
