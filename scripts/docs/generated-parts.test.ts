import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedParts, withGeneratedPart } from "./generated-parts.ts";

test.each(Object.entries(generatedParts))(
  "%s shows what the schemas say; else run pnpm docs:configuration",
  (path, part) => {
    const document = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
    expect(document).toBe(withGeneratedPart(document, part));
  },
);
