import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], { encoding: "utf8" });

test.each([[["--help"]], [["fleet", "--help"]]])("the usage is shown when it is asked for: %j", (args) => {
  const { status, stdout, stderr } = run(...args);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^pnpm bench wait\|/);
});

test.each([
  ["an option that there is not", ["fleet", "--tenants", "4"], "--tenants"],
  ["a bench that there is not", ["flood"], 'There is no bench "flood".'],
])("%s is answered with the usage and without a stack", (_, args, mistake) => {
  const { status, stdout, stderr } = run(...args);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(mistake);
  expect(stderr).toContain("pnpm bench wait|");
  expect(stderr).not.toMatch(/^\s+at /m);
});
