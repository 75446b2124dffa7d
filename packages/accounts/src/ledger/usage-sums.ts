import type { UsageRow } from "@darkroom/contracts";
import type { Measure } from "./count-usage.ts";

/** What rows of usage are summed up in: a row without its day, tenant, key and model. */
export type UsageSums = Pick<
  UsageRow,
  "generations" | "images" | "input_tokens" | "output_tokens" | "cost" | "unpriced"
>;

export const noUsage = (): UsageSums => ({
  generations: { succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  images: 0,
  input_tokens: 0,
  output_tokens: 0,
  cost: 0,
  unpriced: 0,
});

/** Adds a sum of one measure. What the provider charges is the operator's affair and not in a row. */
export function addMeasure(sums: UsageSums, measure: Measure, sum: number): void {
  if (measure === "provider_cost") return;
  if (measure === "succeeded" || measure === "failed" || measure === "canceled" || measure === "expired") {
    sums.generations[measure] += sum;
  } else sums[measure] += sum;
}

/** What rows come to together. */
export function totalUsage(rows: Iterable<UsageSums>): UsageSums {
  const total = noUsage();
  for (const { generations, ...sums } of rows) {
    for (const ending of ["succeeded", "failed", "canceled", "expired"] as const) {
      total.generations[ending] += generations[ending];
    }
    for (const measure of ["images", "input_tokens", "output_tokens", "cost", "unpriced"] as const) {
      total[measure] += sums[measure];
    }
  }
  return total;
}
