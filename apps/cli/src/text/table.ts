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
