import { defineScript, keyNames, type Script } from "@darkroom/redis";
import type { z } from "zod";

/** How long aggregates and the progress of exports are kept: over a year, so that a month can be compared with that of the last year. */
export const keptSeconds = 400 * 86_400;

/** The Redis keys of the ledger. A day is a UTC day, `2026-11-22`. */
export function createLedgerKeys(prefix: string) {
  const name = keyNames(prefix);
  return {
    /** LIST: entries of a day that are not in the object store yet, as JSON, in the order of the endings. */
    entries: (day: string) => name("ledger", day),
    /** SET of the days that have, or had, such a list and are not closed. */
    days: name("ledger-days"),
    /** HASH: `offset`, the entries of the day that are in the store; `claimed`, how many make up the segment that is being written. */
    export: (day: string) => name("ledger-export", day),
    /** HASH `{keyId} {model} {measure}` → sum: a tenant's usage of a day. */
    usage: (day: string, tenant: string) => name("usage", day, tenant),
    /** SET of the tenants that have usage on this day. */
    usageTenants: (day: string) => name("usage-tenants", day),
    /** HASH: usage that is being recomputed. It is renamed when it is complete, and expires within the hour otherwise. */
    rebuiltUsage: (rebuild: string, tenant: string) => name("usage-rebuild", rebuild, tenant),
  };
}

export type LedgerKeys = ReturnType<typeof createLedgerKeys>;

/** A script of the ledger: `scripts/{name}.lua`. */
export const ledgerScript = <Answer>(name: string, schema: z.ZodType<Answer>): Script<Answer> =>
  defineScript(new URL(`scripts/${name}.lua`, import.meta.url), schema);
