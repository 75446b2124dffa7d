import { printableJson } from "@darkroom/contracts";
import { markdownTable } from "markdown-table";

/** What stands in a column. */
export type Cell = string | number;

const isNumber = (cell: Cell | undefined) => /^\$?\d[\d.]*$/.test(String(cell));

/** Rows under their headings, in columns that line up, numbers to the right. Pasted into an issue it is a Markdown table. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const align = headings.map((_, column) => (rows.every((row) => isNumber(row[column])) ? "r" : ""));
  const cells = rows.map((row) => row.map(String));
  return markdownTable([headings, ...cells], { align, delimiterStart: false, delimiterEnd: false });
}

/** The API's own JSON, indented. */
export const asJson = (json: unknown): string => printableJson(JSON.stringify(json, null, 2));

/** What there is to say about one thing, a line each: its name, and what it is. */
export function facts(lines: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
