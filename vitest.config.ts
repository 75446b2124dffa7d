import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{apps,packages}/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
    globalSetup: "packages/testing/src/global-setup.ts",
    // A test that waits on real Redis, S3 or a child process answers in well under this; only a hang reaches it.
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
