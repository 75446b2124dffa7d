// `pnpm docs:configuration`, `pnpm docs:models` and `pnpm docs:sizing`: write what is made from code into the documents that show it.
import { readFileSync, writeFileSync } from "node:fs";
import { generatedParts, withGeneratedPart } from "./generated-parts.ts";

const [wanted] = process.argv.slice(2);
for (const part of generatedParts.filter(({ maker }) => maker === wanted)) {
  const file = new URL(`../../${part.document}`, import.meta.url);
  writeFileSync(file, withGeneratedPart(readFileSync(file, "utf8"), part));
}
