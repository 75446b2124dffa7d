import { loadCatalogue } from "../../packages/models/src/index.ts";
import { configurationSections } from "./configuration-sections.ts";
import { configurationExcerpt, configurationTables } from "./configuration-table.ts";
import { modelTables } from "./model-tables.ts";
import { sizing } from "./sizing.ts";

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

export type GeneratedPart = {
  document: string;
  /** The command that writes it is `pnpm docs:<maker>`. */
  maker: "configuration" | "models" | "sizing";
  text: string;
};

/** The documents that have a part made from code, and the part. */
export const generatedParts: GeneratedPart[] = [
  { document: "README.md", maker: "configuration", text: configurationExcerpt(configurationSections, first) },
  { document: "docs/configuration.md", maker: "configuration", text: configurationTables(configurationSections) },
  { document: "docs/operating.md", maker: "sizing", text: sizing() },
  { document: "docs/models.md", maker: "models", text: modelTables(loadCatalogue().models) },
];

const madeFrom = { configuration: "schemas", models: "catalogue", sizing: "measured costs" };
const end = "<!-- end -->";

/** The document with its generated part replaced. Throws where it has no place for one. */
export function withGeneratedPart(content: string, { maker, text }: GeneratedPart): string {
  const begin = `<!-- Made from the ${madeFrom[maker]} by \`pnpm docs:${maker}\` -->`;
  const [before, rest] = content.split(`${begin}\n`);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`The document has no "${begin}" with its "${end}".`);
  return `${before}${begin}\n\n${text}\n\n${end}${after}`;
}
