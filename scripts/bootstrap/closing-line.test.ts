import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { closingLine } from "./closing-line.mjs";

async function lineFor(...files: { status: string; tests: string[] }[]) {
  const report = join(await temporaryFolder(), "report.json");
  const testResults = files.map(({ status, tests }) => ({
    status,
    assertionResults: tests.map((result) => ({ status: result })),
  }));
  writeFileSync(report, JSON.stringify({ testResults }));
  return closingLine(report);
}

test("passed, failed and skipped tests are counted over all files", async () => {
  const line = await lineFor(
    { status: "passed", tests: ["passed", "passed", "skipped"] },
    { status: "failed", tests: ["failed", "passed", "todo", "pending"] },
  );
  expect(line).toEqual({ line: "3 passed, 1 failed, 3 skipped", green: false });
});

test("all green has no word of skipped tests when there are none", async () => {
  expect(await lineFor({ status: "passed", tests: ["passed"] })).toEqual({ line: "1 passed, 0 failed", green: true });
});

test("a file that does not load counts as a failure", async () => {
  const line = await lineFor({ status: "passed", tests: ["passed"] }, { status: "failed", tests: [] });
  expect(line).toEqual({ line: "1 passed, 1 failed", green: false });
});

test("no test at all is not green", async () => {
  expect(await lineFor()).toEqual({ line: "0 passed, 0 failed", green: false });
  expect(await lineFor({ status: "passed", tests: ["skipped"] })).toMatchObject({ green: false });
});

test("no report is not green", () => {
  expect(closingLine("/no/such/report.json")).toEqual({
    line: "No test was counted: a check failed before the tests, or the run was broken off.",
    green: false,
  });
});
