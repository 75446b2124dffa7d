import { type Quarantine, redisTime } from "@darkroom/redis";
import { StorageError } from "@darkroom/storage";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Logger } from "@darkroom/runtime";
import { LedgerError } from "./ledger-error.ts";
import { keptSeconds, type LedgerKeys, ledgerScript } from "./ledger-keys.ts";
import { type LedgerSegments, segmentKey } from "./ledger-segments.ts";
import { dayOf } from "./usage-days.ts";

const claimScript = ledgerScript("claim-segment", z.tuple([z.int(), z.array(z.string())]).nullable());
const moveScript = ledgerScript("move-export", z.literal([0, 1]));
const closeScript = ledgerScript("close-day", z.literal([0, 1]));

export type ExportLedgerOptions = {
  redis: Redis;
  keys: LedgerKeys;
  segments: LedgerSegments;
  /** Where days go that cannot be exported. Without it the error of the first of them is thrown. */
  quarantine?: Pick<Quarantine, "setAside" | "release"> | undefined;
  log: Pick<Logger, "warn">;
  /** Entries of a whole segment. */
  segmentEntries: number;
  /** How old an entry may become before it is exported in a segment that is not whole, in milliseconds. */
  maxAgeMs: number;
};

/** What one export has moved to the store. */
export type Exported = { entries: number; segments: number };

/** Entries that are in Redis alone. `oldestAgeMs`: how long ago the oldest was written, in milliseconds; null where there is none. */
export type LedgerBacklog = { entries: number; oldestAgeMs: number | null };

/**
 * Moves entries out of Redis into the object store, each exactly once: a script claims the entries of the next segment, the segment is
 * written under a name that has its offset, and a script commits. Several workers may do so at the same time, and each may die at any
 * point: the next worker gets the same claim and writes the same bytes.
 */
export function createExportLedger(options: ExportLedgerOptions) {
  const { redis, keys, segments, quarantine, log, segmentEntries, maxAgeMs } = options;

  /** Exports the claimed segment, or the next. Answers how many entries were claimed, and whether this call has committed them. */
  async function exportSegment(day: string): Promise<{ count: number; committed: boolean }> {
    const where = [keys.entries(day), keys.export(day)];
    const claim = await claimScript(redis, where, [segmentEntries]);
    if (claim === null) {
      // A new day, or a Redis that has lost its data: the export continues after the segments in the store.
      await redis.hsetnx(keys.export(day), "offset", await segments.end(day));
      return exportSegment(day);
    }
    const [offset, entries] = claim;
    const count = entries.length;
    if (count === 0) return { count, committed: false };
    if (await segments.write(day, offset, entries)) {
      const committed = (await moveScript(redis, where, [offset, count, offset + count, count])) === 1;
      return { count, committed };
    }
    // Redis was set back to an earlier state, and the store has more. Entries that are in the store are written again after them;
    // readers know an entry by its id.
    const end = await segments.end(day, offset);
    log.warn(
      { day, segment: segmentKey(day, offset), end },
      "The store has more of the ledger than Redis knows of; the export goes on behind it",
    );
    await moveScript(redis, where, [offset, count, end, 0]);
    return exportSegment(day);
  }

  async function isDue(day: string, nowMs: number): Promise<boolean> {
    if (day < dayOf(nowMs)) return (await redis.exists(keys.entries(day))) === 1;
    if ((await redis.hexists(keys.export(day), "claimed")) === 1) return true;
    if ((await redis.llen(keys.entries(day))) >= segmentEntries) return true;
    const oldest = await redis.lindex(keys.entries(day), 0);
    return oldest !== null && endedAtMs(oldest) <= nowMs - maxAgeMs;
  }

  /** Removes a day from the list when it is over and Redis has no entry of it. */
  async function close(day: string, nowMs: number): Promise<void> {
    if (day >= dayOf(nowMs)) return;
    await closeScript(redis, [keys.entries(day), keys.export(day), keys.days], [day, keptSeconds]);
  }

  return {
    /**
     * Exports what is due: whole segments, old entries, and days that are over. A day with broken segments in the store, and one whose
     * segment the store refuses, do not keep other days from their export. They go into quarantine, and are tried again by the next call. At
     * the end it throws where the store is away.
     */
    async exportDue(): Promise<Exported> {
      const exported = { entries: 0, segments: 0 };
      const done: string[] = [];
      const failed: { day: string; error: LedgerError | StorageError }[] = [];
      const days = await redis.smembers(keys.days);
      for (const day of days.toSorted()) {
        try {
          const nowMs = await redisTime(redis);
          while (await isDue(day, nowMs)) add(exported, await exportSegment(day));
          await close(day, nowMs);
          done.push(day);
        } catch (error) {
          if (!(error instanceof LedgerError || error instanceof StorageError)) throw error;
          failed.push({ day, error });
        }
      }
      await quarantine?.release("ledger", done);
      for (const { day, error } of failed) {
        if (!isPassing(error)) await quarantine?.setAside({ kind: "ledger", id: day, error });
      }
      const first = failed.find(({ error }) => quarantine === undefined || isPassing(error));
      if (first !== undefined) throw first.error;
      return exported;
    },

    async backlog(): Promise<LedgerBacklog> {
      const [nowMs, days] = await Promise.all([redisTime(redis), redis.smembers(keys.days)]);
      const lists = await Promise.all(
        days.map((day) => Promise.all([redis.llen(keys.entries(day)), redis.lindex(keys.entries(day), 0)])),
      );
      const ages = lists.flatMap(([, oldest]) => (oldest === null ? [] : [Math.max(nowMs - endedAtMs(oldest), 0)]));
      return {
        entries: lists.reduce((sum, [count]) => sum + count, 0),
        oldestAgeMs: ages.length === 0 ? null : Math.max(...ages),
      };
    },

    /** Exports all entries of a day that are in Redis now, whether they are due or not. */
    async exportDay(day: string): Promise<Exported> {
      const exported = { entries: 0, segments: 0 };
      const nowMs = await redisTime(redis);
      let left = await redis.llen(keys.entries(day));
      while (left > 0) {
        const { count, committed } = await exportSegment(day);
        if (count === 0) break;
        add(exported, { count, committed });
        left -= count;
      }
      await close(day, nowMs);
      return exported;
    },
  };
}

/** Whether the same export may succeed later with nothing changed. */
const isPassing = (error: LedgerError | StorageError): boolean => error instanceof StorageError && error.retryable;

function add(exported: Exported, { count, committed }: { count: number; committed: boolean }): void {
  if (!committed) return;
  exported.entries += count;
  exported.segments++;
}

/** When an entry was written. One that cannot be read counts as the oldest: reading the ledger reports it. */
function endedAtMs(entry: string): number {
  const digits = /"ended_at_ms":(\d+)/.exec(entry)?.[1];
  return digits === undefined ? 0 : Number(digits);
}
