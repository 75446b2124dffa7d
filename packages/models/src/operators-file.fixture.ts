import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Catalogue } from "./catalogue.ts";
import { CatalogueError } from "./mistake.ts";
import { loadCatalogue, type LoadCatalogueOptions } from "./load-catalogue.ts";

/** The catalogue with an operator's file of this text laid over it. */
export function load(text: string, options: Omit<LoadCatalogueOptions, "file"> = {}): Catalogue {
  const folder = mkdtempSync(join(tmpdir(), "darkroom-models-"));
  try {
    const file = join(folder, "models.yaml");
    writeFileSync(file, text);
    return loadCatalogue({ ...options, file });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is wrong with such a file, without the folder in front of its name. */
export function mistakesIn(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof CatalogueError) return error.mistakes.map((line) => line.replace(/^.*(?=models\.yaml:)/, ""));
    throw error;
  }
  throw new Error("the file was accepted");
}
