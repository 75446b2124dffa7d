import { loadCatalogue } from "@darkroom/models";
import { describe, expect, test } from "vitest";
import { createLineCheck, type LineRules } from "./check-line.ts";
import { inputLine } from "./validate-batch.fixture.ts";

const catalogue = loadCatalogue();

/** The faults of lines, in order. */
function faultsOf(lines: readonly string[], rules: Partial<LineRules> = {}) {
  const lineCheck = createLineCheck({ catalogue, models: null, hasBudget: false, ...rules });
  return lines.flatMap((line, i) => lineCheck.check(line, i + 1).faults);
}

describe("a line that is no request", () => {
  test.each([
    ["blank", ""],
    ["cut off", '{"custom_id": "a"'],
    ["two on one line", "{} {}"],
    ["a number", "17"],
    ["null", "null"],
    ["a list", "[]"],
  ])("is no JSON object: %s", (_, line) => {
    expect(faultsOf([line])).toEqual([expect.objectContaining({ code: "invalid_json_line", param: null, line: 1 })]);
  });

  test.each([
    ["another url", { url: "/v1/images/edits" }, "url_mismatch", "url"],
    ["no url", { url: undefined }, "invalid_request_error", "url"],
    ["another method", { method: "GET" }, "invalid_request_error", "method"],
    ["no method", { method: undefined }, "invalid_request_error", "method"],
    ["no custom_id", { custom_id: undefined }, "invalid_request_error", "custom_id"],
    ["an empty custom_id", { custom_id: "" }, "invalid_request_error", "custom_id"],
    ["a custom_id that is a number", { custom_id: 1 }, "invalid_request_error", "custom_id"],
    ["a long custom_id", { custom_id: "x".repeat(513) }, "invalid_request_error", "custom_id"],
    ["half a surrogate pair in it", { custom_id: "\ud83d" }, "invalid_request_error", "custom_id"],
    ["an unknown field", { priority: 1 }, "invalid_request_error", "priority"],
    ["no body", { body: undefined }, "invalid_request_error", "body"],
    ["a list as its body", { body: [] }, "invalid_request_error", "body"],
  ])("has %s", (_, over, code, param) => {
    expect(faultsOf([inputLine("a", {}, over)])).toEqual([
      { code, param, line: 1, message: expect.stringContaining(`'${param}'`) },
    ]);
  });

  test("is told all that is wrong with it", () => {
    const line = inputLine("a", { n: 0, size: 7 }, { url: "/", method: "GET" });
    expect(faultsOf([line]).map(({ param }) => param)).toEqual(["method", "url", "body.n", "body.size"]);
  });
});

describe("a body", () => {
  test.each([
    ["what no request has", { colour: "red" }, "colour", "Unknown parameter: 'colour'."],
    ["the name of a prototype", { prompt: "x", ["__proto__"]: 1 }, "__proto__", "Unknown parameter: '__proto__'."],
    ["no prompt", { prompt: null }, "prompt", expect.stringContaining("'prompt'")],
    ["a prompt that is too long", { prompt: "x".repeat(32_001) }, "prompt", expect.stringContaining("32001")],
    ["an unknown model", { model: "dall-e-9" }, "model", expect.stringContaining("Invalid model specified.")],
    [
      "a size that the model has not",
      { size: "1x1" },
      "size",
      expect.stringContaining("Invalid value for 'size': '1x1'."),
    ],
    ["more than the model takes", { n: 11 }, "n", "Invalid 'n': 11 is above the maximum, which is 10."],
    ["a parameter of others", { style: "vivid" }, "style", expect.stringContaining("does not support 'style'")],
    ["transparency in a jpeg", { background: "transparent", output_format: "jpeg" }, "background", expect.anything()],
    ["bad metadata", { job: { metadata: { a: 1 } } }, "job.metadata.a", expect.anything()],
    ["stream", { stream: true }, "stream", expect.stringContaining("cannot be used in a batch")],
    ["partial images", { partial_images: 1 }, "partial_images", expect.stringContaining("cannot be used in a batch")],
    ["a webhook", { job: { webhook: "https://example.com" } }, "job.webhook", expect.stringContaining("in a batch")],
    [
      "its events",
      { job: { webhook_events: ["failed"] } },
      "job.webhook_events",
      expect.stringContaining("in a batch"),
    ],
    ["its own expiry", { job: { expires_in: 60 } }, "job.expires_in", expect.stringContaining("in a batch")],
  ])("is refused for %s", (_, body, param, message) => {
    const code = "invalid_request_error";
    expect(faultsOf([inputLine("a", body)])).toEqual([{ code, message, param: `body.${param}`, line: 1 }]);
  });

  test("is refused for a model that the key may not use", () => {
    expect(faultsOf([inputLine("a")], { models: ["dall-e-3"] })).toEqual([
      {
        code: "model_not_allowed",
        message: "This key may not use 'gpt-image-1'. It may use: 'dall-e-3'.",
        param: "body.model",
        line: 1,
      },
    ]);
  });
});

test("lines with a megabyte of wrong metadata have one fault each, and take no second of the processor", () => {
  const metadata = Object.fromEntries(Array.from({ length: 121_000 }, (_, i) => [i, 1]));
  const lines = ["a", "b", "c"].map((id) => inputLine(id, { prompt: "x", job: { metadata } }));
  const before = process.cpuUsage();
  expect(faultsOf(lines).map(({ param, line }) => [param, line])).toEqual([
    ["body.job.metadata", 1],
    ["body.job.metadata", 2],
    ["body.job.metadata", 3],
  ]);
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});

test("a line for a retired model is put to its successor, by whichever of its names", () => {
  const now = () => Date.parse("2027-01-01");
  const rules = { catalogue: loadCatalogue({ retired: "successor", now }), models: null, hasBudget: true };
  const lineCheck = createLineCheck(rules);
  for (const [index, model] of ["gpt-image-1.5", "gpt-image-1.5-2025-12-16"].entries()) {
    const { faults, prepared } = lineCheck.check(inputLine(`r${index}`, { model }), index + 1);
    expect(faults).toEqual([]);
    expect(prepared?.upstream).toMatchObject({ model: "gpt-image-2.6-flare", successor: "gpt-image-2.6-flare" });
  }
});

describe("lines of one file", () => {
  test("have a custom_id each", () => {
    expect(faultsOf([inputLine("a"), inputLine("b"), inputLine("a"), inputLine("A")])).toEqual([
      {
        code: "duplicate_custom_id",
        message: "The custom_id 'a' is that of line 1 too. Each must be there once.",
        param: "custom_id",
        line: 3,
      },
    ]);
  });

  test("have the model of the first of them", () => {
    const lines = ["unknown", "dall-e-3", "dall-e-2", null].map((model, i) => inputLine(`r${i}`, { model }));
    expect(faultsOf(lines).map(({ code, param, line }) => [line, code, param])).toEqual([
      [1, "invalid_request_error", "body.model"],
      [3, "model_mismatch", "body.model"],
      [4, "model_mismatch", "body.model"],
    ]);
  });
});
