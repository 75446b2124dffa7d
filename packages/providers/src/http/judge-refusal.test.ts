import { expect, test } from "vitest";
import { judgeRefusal } from "./judge-refusal.ts";

const words = "Invalid value: 'the user of acme'.";
const judge = (status: number, error: object) =>
  judgeRefusal(
    { status, body: { error: { message: words, ...error } }, requestId: "req_1", retryAfterMs: undefined },
    [],
  );

test.each([
  ["a parameter", 400, { code: "invalid_value", param: "user" }, "HTTP 400 · invalid_value · req_1"],
  ["what policy forbids", 400, { code: "moderation_blocked" }, "HTTP 400 · moderation_blocked · req_1"],
])("an upstream's words about %s of the caller's request are not for the log", (_what, status, error, detail) => {
  expect(judge(status, error).facts.detail).toBe(detail);
});

test("the caller is told which value is wrong in the upstream's words, and the log is told of the upstream's own trouble", () => {
  expect(judge(400, { code: "invalid_value" }).message).toBe(words);
  expect(judge(500, { code: "server_error" }).facts.detail).toContain(words);
});
