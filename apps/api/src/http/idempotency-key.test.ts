import { ApiError } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { readIdempotencyKey } from "./idempotency-key.ts";

const read = (...headers: string[]) => readIdempotencyKey({ headersDistinct: { "idempotency-key": headers } });

test.each([
  ["8e03978e-40d5-43dd", "8e03978e-40d5-43dd"],
  ['"8e03978e-40d5-43dd"', "8e03978e-40d5-43dd"],
  ['"say \\"hi\\" \\\\"', 'say "hi" \\'],
  ["k", "k"],
  ["k".repeat(255), "k".repeat(255)],
  [`"${"k".repeat(255)}"`, "k".repeat(255)],
  ["with, a comma", "with, a comma"],
])("%s", (header, key) => {
  expect(read(header)).toBe(key);
});

test("no header is no key", () => {
  expect(readIdempotencyKey({ headersDistinct: {} })).toBeUndefined();
});

test.each([
  [""],
  ['""'],
  ["k".repeat(256)],
  ['"k'],
  ['"k" "l"'],
  ['"k";p=1'],
  ['"\\k"'],
  ["schlüssel"],
  ["tab\there"],
  ["a", "b"],
])("400 for %j", (...headers) => {
  expect(() => read(...headers)).toThrow(ApiError);
  expect(() => read(...headers)).toThrow(expect.objectContaining({ status: 400, param: "Idempotency-Key" }));
});
