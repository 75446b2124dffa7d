import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedParts, withGeneratedPart } from "./generated-parts.ts";

test.each(generatedParts)("$document shows what the code says; else run pnpm docs:$maker", (part) => {
  const content = readFileSync(new URL(`../../${part.document}`, import.meta.url), "utf8");
  expect(content).toBe(withGeneratedPart(content, part));
});
