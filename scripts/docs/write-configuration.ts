// `pnpm docs:configuration`: writes the configuration tables into the documents that show them.
import { readFileSync, writeFileSync } from "node:fs";
import { generatedParts, withGeneratedPart } from "./generated-parts.ts";

for (const [path, part] of Object.entries(generatedParts)) {
  const file = new URL(`../../${path}`, import.meta.url);
  writeFileSync(file, withGeneratedPart(readFileSync(file, "utf8"), part));
}
