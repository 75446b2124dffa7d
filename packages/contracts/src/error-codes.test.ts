import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorCodes } from "./error-codes.ts";

test("docs/errors.md shows the table of error codes, whole and in its order", () => {
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const shown = [...text.matchAll(/^\| (\d{3}) +\| `(\w+)` +\| `(\w+)` +\| (yes|no) +\| \S.* \|$/gm)].map(
    ([, status, type, code, retryable]) => [code, { status: Number(status), type, retryable: retryable === "yes" }],
  );
  expect(shown).toEqual(Object.entries(errorCodes));
});
