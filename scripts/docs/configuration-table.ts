import type { ConfigurationSection } from "./configuration-sections.ts";

type Row = readonly [name: string, standard: string, description: string];

/** One table for each section, under a heading. Throws when a variable has no description: it would be a row that says nothing. */
export function configurationTables(sections: readonly ConfigurationSection[]): string {
  return sections.map((section) => `## ${section.title}\n\n${table(rowsOf(section))}`).join("\n\n");
}

/** One table of the variables named, in the order of their naming. Throws when one does not exist. */
export function configurationExcerpt(sections: readonly ConfigurationSection[], names: readonly string[]): string {
  const rows = sections.flatMap((section) => rowsOf(section));
  const found = names.map((name) => {
    const row = rows.find(([cell]) => cell === `\`${name}\``);
    if (row === undefined) throw new Error(`No process reads ${name}.`);
    return row;
  });
  return table(found);
}

const rowsOf = ({ settings }: ConfigurationSection): Row[] =>
  Object.entries(settings.shape).map(([name, field]) => {
    if (!field.description) throw new Error(`${name} has no description.`);
    return [`\`${name}\``, defaultOf(field), field.description];
  });

/** What a variable is when nobody sets it. Asked twice, because one that is made anew each time has no value to show. */
function defaultOf(field: ConfigurationSection["settings"]["shape"][string]): string {
  const [first, second] = [field.safeParse(undefined), field.safeParse(undefined)];
  if (!first.success) return "required";
  if (first.data === undefined) return "";
  if (first.data !== second.data) return "random";
  return `\`${typeof first.data === "string" ? first.data : JSON.stringify(first.data)}\``;
}

/** Markdown as the formatter leaves it: columns as wide as their widest cell. */
function table(rows: readonly Row[]): string {
  const cells: Row[] = [["variable", "default", "what it does"], ...rows.map(escapeBars)];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = " ") =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(["", "", ""], "-"), ...body.map((row) => line(row))].join("\n");
}

const escapeBars = ([name, standard, description]: Row): Row => [name, standard, description.replaceAll("|", "\\|")];
