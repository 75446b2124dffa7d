import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "{apps,packages}/*/src/**/*.test.ts",
      "e2e/src/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    globalSetup: "packages/testing/src/global-setup.ts",
    setupFiles: "packages/testing/src/seed-properties.ts",
    // `npm test` reads the numbers of its closing line from this report.
    reporters: process.env.TEST_RESULTS ? ["default", ["json", { outputFile: process.env.TEST_RESULTS }]] : ["default"],
    // Many of them wait, for a lock to run out or a slow provider: three at a time keep two cores busy and no more than that.
    maxWorkers: 3,
    // A test that waits on real Redis, S3 or a child process answers in well under this; only a hang reaches it.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What is polled for has happened in a second where there is time, and takes some on a machine that others use, too.
    expect: { poll: { timeout: 10_000 } },
  },
});
