import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, by a part of their paths. Most are short ones: Vitest, where it has no times of an earlier run, takes the
 * largest first, and would end with one of these alone, on one core.
 */
const longest = [
  "redis-refuses.fault",
  "redis-outages.fault",
  "outages.fault",
  "worker-crash.fault",
  "store-refuses.fault",
  "chaos.fault",
  "batch.fault",
  "main.load",
  "redis-refuses-at-start.fault",
  ".fault.",
  "hostile-pictures",
  "ai-sdk-retries",
  "lane-backoff",
  "/e2e/",
  "/apps/cli/src/commands/",
  "redis-away",
] as const;

/** The place of a test file among those that take longest; behind them for all others. */
export function rankOf(path: string): number {
  const rank = longest.findIndex((part) => path.includes(part));
  return rank === -1 ? longest.length : rank;
}

/** Begins with the test files that take longest, so that all workers have something to do until the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- Vitest's own method, which returns a new list
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId));
  }
}
