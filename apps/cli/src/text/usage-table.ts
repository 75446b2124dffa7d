import { type UsageRow, usageRowSchema } from "@darkroom/contracts";
import type { z } from "zod";
import { formatDollars } from "./dollars.ts";
import { type Cell, table } from "./table.ts";

/** What rows come to together. It is of no day, and may be of several tenants. */
export const usageSumSchema = usageRowSchema.omit({ object: true, day: true, tenant: true, key_id: true, model: true });
type UsageSum = z.infer<typeof usageSumSchema>;

type Column<Row> = readonly [heading: string, cell: (row: Row) => Cell | undefined];

const dimensions: readonly Column<UsageRow>[] = [
  ["day", (row) => row.day],
  ["tenant", (row) => row.tenant],
  ["key", (row) => row.key_id],
  ["model", (row) => row.model],
];
const measures: readonly Column<UsageSum>[] = [
  ["succeeded", (row) => row.generations.succeeded],
  ["failed", (row) => row.generations.failed],
  ["canceled", (row) => row.generations.canceled],
  ["expired", (row) => row.generations.expired],
  ["images", (row) => row.images],
  ["input tokens", (row) => row.input_tokens],
  ["output tokens", (row) => row.output_tokens],
  ["cost", (row) => formatDollars(row.cost)],
];
/** What is rare, or told to the admin only, has a column where there is any of it: without prices of providers all is unknown. */
const rarer = ({ unpriced, provider_cost: toProvider = 0, provider_cost_unknown: unknown = 0 }: UsageSum) => {
  const columns: readonly [total: number, Column<UsageSum>][] = [
    [unpriced, ["without a price", (row) => row.unpriced]],
    [toProvider, ["provider cost", (row) => formatDollars(row.provider_cost ?? 0)]],
    [toProvider > 0 ? unknown : 0, ["provider cost unknown", (row) => row.provider_cost_unknown ?? 0]],
  ];
  return columns.flatMap(([total, column]) => (total > 0 ? [column] : []));
};

/** Usage in columns, the sum below it. No column for a dimension that was not asked for, and for a tenant that is always the same. */
export function usageTable(rows: readonly UsageRow[], total: UsageSum): string {
  const asked = dimensions.filter(([heading, cell]) => {
    const values = new Set(rows.map(cell));
    return heading === "tenant" ? values.size > 1 : rows.length > 0 && !values.has(undefined);
  });
  const shown = [...measures, ...rarer(total)];
  const numbers = (sum: UsageSum) => shown.map(([, cell]) => cell(sum) ?? "");
  const lines = rows.map((row) => [...asked.map(([, cell]) => cell(row) ?? ""), ...numbers(row)]);
  const sum = [...asked.map((_, column) => (column === 0 ? "in all" : "")), ...numbers(total)];
  const headings = [...asked, ...shown].map(([heading]) => heading);
  // One row is its own sum.
  return table(headings, rows.length === 1 ? lines : [...lines, sum]);
}
