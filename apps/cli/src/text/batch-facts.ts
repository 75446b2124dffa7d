import type { Batch } from "@darkroom/contracts";
import { facts } from "./table.ts";
import { formatMoment } from "./moments.ts";
import { formatDollars } from "./dollars.ts";

/** What a person wants to know of a batch, a line each. */
export function batchFacts(batch: Batch): string {
  const { total, completed, failed } = batch.request_counts;
  const ended = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
  const lines: [string, string | null][] = [
    ["id", batch.id],
    ["status", batch.status],
    ["model", batch.model ?? null],
    ["lines", `${total}, ${completed} of them done, ${failed} failed`],
    ["cost", batchCost(batch)],
    ["created", formatMoment(batch.created_at)],
    ["ended", ended === null ? null : formatMoment(ended)],
    ["ends at the latest", ended !== null || batch.expires_at === null ? null : formatMoment(batch.expires_at)],
    ["input file", batch.input_file_id],
    ["output file", batch.output_file_id],
    ["error file", batch.error_file_id],
    ...Object.entries(batch.metadata ?? {}).map(([name, value]): [string, string] => [`metadata ${name}`, value]),
  ];
  return facts(lines.filter((line): line is [string, string] => line[1] !== null));
}

/** What a batch has cost so far. Lines without a price are not in it: where nothing is, it is not said to be for nothing. */
export function batchCost({ cost, request_counts }: Pick<Batch, "cost" | "request_counts">): string {
  return cost === 0 && request_counts.completed > 0 ? "no cost known" : formatDollars(cost);
}
