import { defineConfig } from "vitest/config";
import { LongestFirst } from "./packages/testing/src/longest-first.ts";

/** Tests that take processes or memory apart: `*.fault.test.ts` break what a service stands on, `*.load.test.ts` fill it. */
const slow = ["{apps,packages,e2e,bench}/**/src/**/*.{fault,load}.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["{apps,packages}/*/src/**/*.test.ts", "{e2e,bench}/src/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: slow,
          // One process runs many files and imports what they share once: half of the CPU that a run with a process for each file takes.
          isolate: false,
        },
      },
      {
        extends: true,
        // A fault lasts some seconds, and there are ten of them in one test.
        test: { name: "faults", include: slow, testTimeout: 600_000, expect: { poll: { timeout: 120_000 } } },
      },
    ],
    globalSetup: "packages/testing/src/global-setup.ts",
    setupFiles: "packages/testing/src/seed-properties.ts",
    // `npm test` reads the numbers of its closing line from this report.
    reporters: process.env.TEST_RESULTS ? ["default", ["json", { outputFile: process.env.TEST_RESULTS }]] : ["default"],
    // Half of the time they wait, for a lock to run out or a slow provider: four at a time keep two cores busy.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // When to give up, which only a hang or an event that never comes should reach: a test takes some seconds, and twenty times as long on a
    // machine that others use, too. A shorter time of a test's own would measure the machine, so none has one.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
