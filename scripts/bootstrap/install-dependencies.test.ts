import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { explainPnpm, isInstalled } from "./install-dependencies.mjs";

test("dependencies count as installed only while pnpm's copy of the lockfile is the lockfile", async () => {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, "pnpm-lock.yaml"), "new");
  expect(isInstalled(folder)).toBe(false);
  mkdirSync(join(folder, "node_modules", ".pnpm"), { recursive: true });
  const installed = join(folder, "node_modules", ".pnpm", "lock.yaml");
  writeFileSync(installed, "old");
  expect(isInstalled(folder)).toBe(false);
  writeFileSync(installed, "new");
  expect(isInstalled(folder)).toBe(true);
});

test.each([
  ["ERR_PNPM_OUTDATED_LOCKFILE  Cannot install", "A package.json was changed without the lockfile"],
  ["request to the registry failed, reason: getaddrinfo EAI_AGAIN", "The npm registry cannot be reached"],
  ["something else broke", "It said:\n  something else broke"],
])("pnpm's %j becomes a sentence", (output, sentence) => {
  expect(explainPnpm(output)).toContain(sentence);
});
