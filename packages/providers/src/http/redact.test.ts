import { expect, test } from "vitest";
import { redact } from "./redact.ts";

test.each([
  ["Incorrect API key provided: sk-proj-ab**cd.", "Incorrect API key provided: […]"],
  ["Limit in organization org-AbC123 reached", "Limit in organization […] reached"],
  ["sent Authorization: Bearer abcdef", "sent Authorization: […]"],
  ["'a quiet river' is too long", "'[…]' is too long"],
  ["the gateway-key-1 is old", "the […] is old"],
  ["x_sk-proj-AbCdEf0123456789 and %20sk-AbCdEf0123456789xy", "x_sk-… and %20sk-…"],
  [
    "Invalid value: '\u001b]52;c;ZXZpbA==\u0007\u202e\nDarkroom is ready'",
    "Invalid value: '\ufffd]52;c;ZXZpbA==\ufffd\ufffd Darkroom is ready'",
  ],
])("%s", (text, clean) => {
  expect(redact(text, ["gateway-key-1", "a quiet river"])).toBe(clean);
});

test("a short prompt does not punch holes into ordinary words, and long texts are cut", () => {
  expect(redact("a cat is not a category", ["cat"])).toBe("a cat is not a category");
  expect(redact("x".repeat(2000), [])).toHaveLength(501);
});

test("a key as long as megabytes is cut out like any other", () => {
  expect(redact(`wrong: sk-darkroom-abcdef${"x".repeat(16_000_000)}`, [])).toBe("wrong: […]");
});
