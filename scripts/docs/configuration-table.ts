import { isDeepStrictEqual } from "node:util";
import { secretNames } from "../../packages/runtime/src/index.ts";
import type { ConfigurationSection } from "./configuration-sections.ts";
import { markdownTable } from "./markdown-table.ts";

type Row = readonly [name: string, standard: string, description: string];

/** One table for each section, under a heading. Throws when a variable has no description: it would be a row that says nothing. */
export function configurationTables(sections: readonly ConfigurationSection[]): string {
  return sections.map((section) => `## ${section.title}\n\n${tableOf(rowsOf(section))}`).join("\n\n");
}

/** One table of the variables named, in the order of their naming. Throws when one does not exist. */
export function configurationExcerpt(sections: readonly ConfigurationSection[], names: readonly string[]): string {
  const rows = sections.flatMap((section) => rowsOf(section));
  const found = names.map((name) => {
    const row = rows.find(([cell]) => cell === `\`${name}\``);
    if (row === undefined) throw new Error(`No process reads ${name}.`);
    return row;
  });
  return tableOf(found);
}

const tableOf = (rows: readonly Row[]) => markdownTable([["variable", "default", "what it does"], ...rows]);

function rowsOf({ settings }: ConfigurationSection): Row[] {
  const secrets = new Set(secretNames(settings));
  return Object.entries(settings.shape).map(([name, field]) => {
    if (!field.description) throw new Error(`${name} has no description.`);
    const inFile = secrets.has(name) ? ` Or in a file: \`${name}_FILE\`.` : "";
    return [`\`${name}\``, defaultOf(field), `${field.description}${inFile}`];
  });
}

/** The value of a variable that is not set. Asked twice, because one that is random each time has no value to show. */
function defaultOf(field: ConfigurationSection["settings"]["shape"][string]): string {
  const [first, second] = [field.safeParse(undefined), field.safeParse(undefined)];
  if (!first.success) return "required";
  if (first.data === undefined) return "";
  if (!isDeepStrictEqual(first.data, second.data)) return "random";
  if (Array.isArray(first.data) && first.data.length === 0) return "";
  return `\`${typeof first.data === "string" ? first.data : JSON.stringify(first.data)}\``;
}
