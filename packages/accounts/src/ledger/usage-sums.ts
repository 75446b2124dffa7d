import { endings, type UsageRow } from "@darkroom/contracts";
import type { Measure } from "./count-usage.ts";

/** A row of usage without its day, tenant, key and model, as sums are kept in. */
export type UsageSums = Omit<UsageRow, "object" | "day" | "tenant" | "key_id" | "model">;

/** `ofProvider`: with what providers charge, which only the operator may see. */
export const noUsage = (ofProvider: boolean): UsageSums => ({
  generations: { succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  images: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost: 0,
  unpriced: 0,
  ...(ofProvider && { provider_cost: 0, provider_cost_unknown: 0 }),
});

/** Adds a sum of one measure, if it is a known measure. */
export function addMeasure(sums: UsageSums, measure: Measure, sum: number): void {
  if (measure === "succeeded" || measure === "failed" || measure === "canceled" || measure === "expired") {
    sums.generations[measure] += sum;
    return;
  }
  // Shown only where the sum is not zero.
  const before = measure === "unbilled" && sum > 0 ? (sums.unbilled ?? 0) : sums[measure];
  if (before !== undefined) sums[measure] = before + sum;
}

const plainMeasures = [
  "images",
  "input_tokens",
  "output_tokens",
  "cost",
  "unpriced",
  "unbilled",
  "provider_cost",
  "provider_cost_unknown",
] as const;

/** The sum of all rows. */
export function totalUsage(rows: Iterable<UsageSums>, ofProvider: boolean): UsageSums {
  const total = noUsage(ofProvider);
  for (const { generations, ...sums } of rows) {
    for (const ending of endings) addMeasure(total, ending, generations[ending]);
    for (const measure of plainMeasures) addMeasure(total, measure, sums[measure] ?? 0);
  }
  return total;
}
