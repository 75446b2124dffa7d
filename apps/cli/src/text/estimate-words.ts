import type { Estimate } from "../batch/estimate-cost.ts";
import { formatDollars } from "./dollars.ts";

/** What a batch will cost, in a sentence. What has no price is unknown, and never nothing. */
export function estimateWords({ from, to, unknownLines, missing }: Estimate, lines: number): string {
  const range =
    from === to
      ? `at most ${formatDollars(to)}`
      : `from ${formatDollars(from)} to ${formatDollars(to)}, by the size and quality that the model chooses`;
  if (unknownLines === 0) return `Cost: ${range}.`;
  const why = `There is no price for ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " and more" : ""}.`;
  if (unknownLines === lines) return `Cost: unknown. ${why}`;
  return `Cost: unknown for ${unknownLines} of ${lines} lines, for the others ${range}. ${why}`;
}
