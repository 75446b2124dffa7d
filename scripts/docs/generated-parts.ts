import { configurationSections } from "./configuration-sections.ts";
import { configurationExcerpt, configurationTables } from "./configuration-table.ts";

/** What a person who moves from the local stack to a real one sets first. */
const first = [
  "OPENAI_API_KEY",
  "ARK_API_KEY",
  "SANDBOX_FALLBACK",
  "API_KEYS",
  "REDIS_URL",
  "STORAGE",
  "MODELS_FILE",
  "WORKER_CONCURRENCY",
  "SYNC_TIMEOUT_MS",
  "LOG_LEVEL",
];

/** The documents that have a part made from code, and the part. */
export const generatedParts: Record<string, string> = {
  "README.md": configurationExcerpt(configurationSections, first),
  "docs/configuration.md": configurationTables(configurationSections),
};

const begin = "<!-- Made from the schemas by `pnpm docs:configuration` -->";
const end = "<!-- end -->";

/** The document with its generated part replaced. Throws where it has no place for one. */
export function withGeneratedPart(document: string, part: string): string {
  const [before, rest] = document.split(`${begin}\n`);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`The document has no "${begin}" with its "${end}".`);
  return `${before}${begin}\n\n${part}\n\n${end}${after}`;
}
