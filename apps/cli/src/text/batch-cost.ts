import type { Batch } from "@darkroom/contracts";
import { formatDollars } from "./dollars.ts";

/** What a batch has cost so far. Lines without a price are not in it: where nothing is, it is not said to be for nothing. */
export function batchCost({ cost, request_counts }: Pick<Batch, "cost" | "request_counts">): string {
  return cost === 0 && request_counts.completed > 0 ? "no cost known" : formatDollars(cost);
}
