import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { markdownTable } from "markdown-table";
import type { Machine } from "./machine.ts";
import type { Row } from "./wait/scenario.ts";

export type Report = {
  bench: string;
  startedAt: string;
  quick: boolean;
  machine: Machine;
  /** Of the minute before the run. */
  loadAverageBefore: number;
  /** `error` where a scenario could not be measured. */
  scenarios: { number: number; title: string; rows: Row[]; error?: string }[];
};

/** Rows as a Markdown table; the first row names the columns. */
export function tableOf(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? "")));
  const align = columns.map((column) => (rows.every((row) => typeof row[column] === "number") ? "r" : "l"));
  return markdownTable([columns, ...cells], { align });
}

export async function writeReport(path: string, report: Report): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
}
