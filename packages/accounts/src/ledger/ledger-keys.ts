import { defineScript, keyNames, type Script } from "@darkroom/redis";
import type { z } from "zod";

/** How long aggregates are kept, and how far a day's export came: over a year, so that a year can be compared with the one before. */
export const keptSeconds = 400 * 86_400;

/** The names of what the ledger keeps in Redis. A day is one of UTC, `2026-11-22`. */
export function createLedgerKeys(prefix: string) {
  const name = keyNames(prefix);
  return {
    /** LIST: entries of a day that are not in the object store yet, as JSON, in the order of the endings. */
    entries: (day: string) => name("ledger", day),
    /** SET of the days that have, or had, such a list and are not closed. */
    days: name("ledger-days"),
    /** HASH: `offset`, the entries of the day that are in the store; `claimed`, how many make up the segment that is being written. */
    export: (day: string) => name("ledger-export", day),
    /** HASH `{keyId} {model} {measure}` → sum: what a tenant's day came to. */
    usage: (day: string, tenant: string) => name("usage", day, tenant),
    /** SET of the tenants that have a usage on this day. */
    usageTenants: (day: string) => name("usage-tenants", day),
    /** HASH: usage that is being recomputed. Renamed when it is complete; expires within the hour where that does not happen. */
    rebuiltUsage: (rebuild: string, tenant: string) => name("usage-rebuild", rebuild, tenant),
  };
}

export type LedgerKeys = ReturnType<typeof createLedgerKeys>;

/** A script of the ledger: `scripts/{name}.lua`. */
export const ledgerScript = <Answer>(name: string, schema: z.ZodType<Answer>): Script<Answer> =>
  defineScript(new URL(`scripts/${name}.lua`, import.meta.url), schema);
