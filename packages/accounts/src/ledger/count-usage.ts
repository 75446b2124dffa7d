import { endings, type LedgerEntry } from "@darkroom/contracts";

/**
 * The measures that are summed for each tenant, key, model and day. `unpriced` and `provider_cost_unknown` count endings with an unknown
 * cost to the tenant or to the operator. No sum of costs contains these.
 */
export const measures = [
  ...endings,
  "images",
  "input_tokens",
  "output_tokens",
  "cost",
  "unbilled",
  "provider_cost",
  "unpriced",
  "provider_cost_unknown",
] as const;
export type Measure = (typeof measures)[number];

/** Tenant → `{keyId} {model} {measure}` → sum, as in Redis. A sum of zero is absent. */
export type DayUsage = Map<string, Map<string, number>>;

/** Adds an entry to the usage of its day. The script that ends a generation counts by the same rule. */
export function countEntry(usage: DayUsage, entry: LedgerEntry): void {
  const { images, input_tokens, output_tokens, cost, unbilled, provider_cost } = entry;
  const counts: Partial<Record<Measure, number>> = {
    [entry.status]: 1,
    images,
    input_tokens,
    output_tokens,
    cost: cost ?? 0,
    unbilled,
    provider_cost: provider_cost ?? 0,
    unpriced: cost === null ? 1 : 0,
    provider_cost_unknown: provider_cost === null ? 1 : 0,
  };
  for (const measure of measures) {
    const count = counts[measure] ?? 0;
    if (count === 0) continue;
    const sums = usage.get(entry.tenant) ?? new Map<string, number>();
    const field = `${entry.key_id} ${entry.model} ${measure}`;
    usage.set(entry.tenant, sums.set(field, (sums.get(field) ?? 0) + count));
  }
}

/** The usage that the entries of one day add up to. */
export function usageOf(entries: Iterable<LedgerEntry>): DayUsage {
  const usage: DayUsage = new Map();
  for (const entry of entries) countEntry(usage, entry);
  return usage;
}
