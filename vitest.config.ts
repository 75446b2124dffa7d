import { defineConfig } from "vitest/config";

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
      { extends: true, test: { name: "faults", include: slow } },
    ],
    globalSetup: "packages/testing/src/global-setup.ts",
    setupFiles: "packages/testing/src/seed-properties.ts",
    // `npm test` reads the numbers of its closing line from this report.
    reporters: process.env.TEST_RESULTS ? ["default", ["json", { outputFile: process.env.TEST_RESULTS }]] : ["default"],
    // Half of the time they wait, for a lock to run out or a slow provider: four at a time keep two cores busy.
    maxWorkers: 4,
    // A test that waits on real Redis, S3 or a child process answers in well under this; only a hang reaches it.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What is polled for has happened in a second where there is time, and takes some on a machine that others use, too.
    expect: { poll: { timeout: 10_000 } },
  },
});
