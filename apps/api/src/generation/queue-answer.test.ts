import { ApiError } from "@darkroom/contracts";
import { CommandTimeoutError } from "@darkroom/redis";
import { expect, test } from "vitest";
import { queueAnswer } from "./queue-answer.ts";

const away = "The queue cannot be reached at the moment. Send the request again.";
const overloaded = "This server is overloaded. Send the request again later.";

test.each([
  [new Error("Connection is closed."), away],
  [new CommandTimeoutError(2_000, 20), away],
  [new CommandTimeoutError(2_000, 4_000), overloaded],
])("%s is told as what it is, and may be sent again", async (cause, message) => {
  const thrown: unknown = await queueAnswer(Promise.reject(cause)).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "overloaded", message, retryable: true, cause });
});

/** As ioredis throws what Redis answers. */
const replyError = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "is full: it has no memory left"],
  ["MISCONF Errors writing to the AOF file: No space left on device", "cannot save to its disk"],
  ["NOREPLICAS Not enough good replicas to write.", "has lost the replicas"],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "lacks a right"],
])("a Redis that answers %s is told as a queue that says why", async (answer, reason) => {
  const thrown = await queueAnswer(Promise.reject(replyError(answer))).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "overloaded", message: expect.stringContaining(reason), retryAfterMs: 3_000 });
  expect(String(thrown)).not.toMatch(/Redis|REDIS/);
});

test("an answer, and an error that is meant for the caller, pass", async () => {
  expect(await queueAnswer(Promise.resolve(1))).toBe(1);
  const error = new ApiError("not_found", "There is none.");
  await expect(queueAnswer(Promise.reject(error))).rejects.toBe(error);
});
