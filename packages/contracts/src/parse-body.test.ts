import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ApiError } from "./api-error.ts";
import { createBatchSchema } from "./batch.ts";
import { imageRequestSchema, openImageRequestSchema } from "./image-request.ts";
import { checkBody, parseBody } from "./parse-body.ts";

const fault = (body: unknown) => {
  try {
    parseBody(imageRequestSchema, body);
  } catch (error) {
    if (error instanceof ApiError) return [error.param, error.message];
    throw error;
  }
  throw new Error("the body was accepted");
};

describe("an image request", () => {
  test("is accepted with nothing but a prompt", () => {
    expect(parseBody(imageRequestSchema, { prompt: "a cat" })).toEqual({ prompt: "a cat" });
  });

  test("takes null for 'not sent' in every optional field", () => {
    const nulls = Object.fromEntries(Object.keys(imageRequestSchema.shape).map((name) => [name, null]));
    expect(parseBody(imageRequestSchema, { ...nulls, prompt: "a cat" })).toEqual({ prompt: "a cat" });
  });

  test.each([
    [undefined, null, "The body must be a JSON object, but it is null."],
    [[], null, "The body must be a JSON object, but it is an array."],
    [{}, "prompt", "Missing required parameter: 'prompt'."],
    [{ prompt: null }, "prompt", "Invalid type for 'prompt': expected a string, but got null instead."],
    [{ prompt: "" }, "prompt", "Invalid 'prompt': it must not be empty."],
    [
      { prompt: "x", response_format: { toString: 1 } },
      "response_format",
      "Invalid value for 'response_format': an object. Supported values are: 'url', 'b64_json'.",
    ],
    [{ prompt: "\ud83d" }, "prompt", "Invalid 'prompt': must be well-formed Unicode, without half a surrogate pair."],
    [{ prompt: "x", n: "2" }, "n", "Invalid type for 'n': expected a number, but got a string instead."],
    [{ prompt: "x", n: 1.5 }, "n", "Invalid type for 'n': expected an integer, but got a decimal number instead."],
    [{ prompt: "x", n: 0 }, "n", "Invalid 'n': 0 is below the minimum, which is 1."],
    [{ prompt: "x", n: 11 }, "n", "Invalid 'n': 11 is above the maximum, which is 10."],
    [
      { prompt: "x", response_format: "jpeg" },
      "response_format",
      "Invalid value for 'response_format': 'jpeg'. Supported values are: 'url', 'b64_json'.",
    ],
    [{ prompt: "x", dimensions: 1 }, "dimensions", "Unknown parameter: 'dimensions'."],
    [{ prompt: "x", job: { when: 1 } }, "job.when", "Unknown parameter: 'job.when'."],
    [
      { prompt: "x", job: { metadata: { a: 1 } } },
      "job.metadata.a",
      "Invalid type for 'job.metadata.a': expected a string, but got a number instead.",
    ],
    [
      { prompt: "x", job: { metadata: { ["k".repeat(65)]: "v" } } },
      "job.metadata",
      "Invalid key in 'job.metadata': a key has at most 64 characters.",
    ],
    [
      { prompt: "x", job: { webhook_events: [] } },
      "job.webhook_events",
      "Invalid 'job.webhook_events': it must not be empty.",
    ],
    [
      { prompt: "x", job: { webhook_events: Array.from({ length: 5 }, () => "failed") } },
      "job.webhook_events",
      "Invalid 'job.webhook_events': it may have at most 4 entries.",
    ],
    [
      { prompt: "x", job: { metadata: JSON.parse('{"__proto__":"v"}') } },
      "job.metadata",
      "Invalid 'job.metadata': must not have the key '__proto__'.",
    ],
    [
      { prompt: "x", job: { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, 1])) } },
      "job.metadata",
      "Invalid 'job.metadata': must have at most 16 pairs.",
    ],
    [{ prompt: "x", n: 1e20 }, "n", "Invalid 'n': 100000000000000000000 is above the maximum, which is 10."],
    [
      { prompt: "x", n: Infinity },
      "n",
      "Invalid type for 'n': expected a number, but got a number too large to read instead.",
    ],
    [{ prompt: "x", ["k".repeat(99)]: 1 }, `${"k".repeat(64)}…`, `Unknown parameter: '${"k".repeat(64)}…'.`],
    [{ prompt: "x", user: "u".repeat(513) }, "user", "Invalid 'user': the maximum length is 512 characters."],
  ])("%j is refused naming %s", (body, param, message) => {
    expect(fault(body)).toEqual([param, message]);
  });
});

test("a field with few values is missing like any other", () => {
  const schema = z.strictObject({ purpose: z.enum(["batch"]), endpoint: z.literal("/v1") });
  const missing = (param: string) =>
    expect.objectContaining({ param, message: `Missing required parameter: '${param}'.` });
  expect(() => parseBody(schema, { endpoint: "/v1" })).toThrow(missing("purpose"));
  expect(() => parseBody(schema, { purpose: "batch" })).toThrow(missing("endpoint"));
});

/** How many issues zod makes of a body: all of its work with mistakes is in proportion to them. */
function issuesOf(schema: z.ZodType, body: unknown): number {
  return schema.safeParse(body).error?.issues.length ?? 0;
}

describe("a body of a megabyte with a mistake in each of its entries", () => {
  const pairs = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i, 1]));
  const items = Array.from({ length: 200_000 }, () => 0);
  const batch = { input_file_id: "file-1", endpoint: "/v1/images/generations", completion_window: "24h" };

  test.each([
    ["metadata", openImageRequestSchema, { prompt: "x", job: { metadata: pairs } }, "job.metadata"],
    ["metadata in a list", openImageRequestSchema, { prompt: "x", job: { metadata: items } }, "job.metadata"],
    ["events", openImageRequestSchema, { prompt: "x", job: { webhook_events: items } }, "job.webhook_events"],
    ["unknown fields", openImageRequestSchema, { prompt: "x", ...pairs }, null],
    ["unknown fields within", openImageRequestSchema, { prompt: "x", job: pairs }, "job.0"],
    ["a nested custom field", openImageRequestSchema, { prompt: "x", custom: items.map(() => [[[]]]) }, "custom"],
    ["metadata of a batch", createBatchSchema, { ...batch, metadata: pairs }, "metadata"],
    ["events of a batch", createBatchSchema, { ...batch, job: { webhook_events: items } }, "job.webhook_events"],
  ])("%s: has one issue and makes one error", (_, schema, body, param) => {
    expect(issuesOf(schema, body)).toBe(1);
    expect(checkBody(schema, body).faults).toEqual([expect.objectContaining({ param })]);
  });
});

test("fifty faults of a body are told, and the first of a request", () => {
  const schema = z.record(z.string(), z.string());
  const body = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`field${i}`, i]));
  expect(checkBody(schema, body).faults).toHaveLength(50);
  expect(() => parseBody(schema, body)).toThrow(expect.objectContaining({ param: "field0" }));
});
