import { expect, test, vi } from "vitest";
import { parseJson } from "./parse-json.ts";

const image = "QUJD".repeat(1_000_000);

test.each([
  ["a long string", { data: [{ b64_json: image }] }],
  ["a long string of commas", { data: [{ revised_prompt: ",[{:".repeat(1_000_000) }] }],
  ["escaped quotes before commas", { a: '\\"'.repeat(1000), b: `\\`, c: `"${",".repeat(1_000_000)}\\` }],
  ["300,000 empty entries", { data: [...Array.from({ length: 300_000 }, () => null), image] }],
])("JSON with %s is parsed", (_, value) => {
  expect(parseJson(` ${JSON.stringify(value)}\n`)).toEqual(value);
});

test.each(["", "{", "x", '"', ",".repeat(500_000), `"${"x".repeat(500_000)}`])("%.10j is no JSON", (text) => {
  expect(parseJson(text)).toBeUndefined();
});

test.each([
  ["empty objects", `[${"{},".repeat(1_000_000)}{}]`],
  ["empty strings", `[${'"",'.repeat(1_000_000)}""]`],
  ["fields", `{${'"a":1,'.repeat(1_000_000)}"a":1}`],
  ["lists within lists", `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`],
  ["entries behind an escaped quote", `["\\"",${"{},".repeat(1_000_000)}{}]`],
  ["entries behind a backslash", `["\\\\",${"{},".repeat(1_000_000)}{}]`],
])("more %s than an answer has are not parsed", (_, text) => {
  const parse = vi.spyOn(JSON, "parse");
  expect(parseJson(text)).toBeUndefined();
  expect(parse).not.toHaveBeenCalled();
});
