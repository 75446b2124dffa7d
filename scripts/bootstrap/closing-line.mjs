import { existsSync, readFileSync } from "node:fs";

/**
 * @typedef {{ status: string, assertionResults: { status: string }[] }} TestFile
 */

/**
 * The last line of `npm test`, "N passed, N failed" with true numbers, from Vitest's JSON report.
 * @param {string} report the report's path
 * @returns {{ line: string, green: boolean }} green: at least one test ran, and none failed
 */
export function closingLine(report) {
  if (!existsSync(report))
    return { line: "No test was counted: a check failed before the tests, or the run was broken off.", green: false };
  /** @type {TestFile[]} */
  const files = JSON.parse(readFileSync(report, "utf8")).testResults;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of files) {
    for (const test of assertionResults) {
      if (test.status === "passed") counts.passed += 1;
      else if (test.status === "failed") counts.failed += 1;
      else counts.skipped += 1;
    }
    // A file that does not load, or whose hooks fail, holds no failed test and is a failure all the same.
    if (status === "failed" && !assertionResults.some((test) => test.status === "failed")) counts.failed += 1;
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  return {
    line: `${counts.passed} passed, ${counts.failed} failed${skipped}`,
    green: counts.passed > 0 && counts.failed === 0,
  };
}
