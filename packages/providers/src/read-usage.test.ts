import { expect, test } from "vitest";
import { readSvgUsage } from "./read-usage.ts";

const read = { model: "gpt-6-luna", input_tokens: 900, output_tokens: 2_000, reasoning_tokens: 0, total_tokens: 2_900 };

test.each([
  ["in the words of OpenAI", { ...read, reasoning_tokens: 500 }, { ...read, reasoning_tokens: 500 }],
  ["without a total and thoughts", { model: read.model, input_tokens: 900, output_tokens: 2_000 }, read],
  ["by who was asked", { input_tokens: 900, output_tokens: 2_000 }, { ...read, model: "asked" }],
  ["by who was asked, where the name is none", { ...read, model: "" }, { ...read, model: "asked" }],
  [
    "in the words of chat completions",
    {
      model: read.model,
      prompt_tokens: 900,
      completion_tokens: 2_000,
      completion_tokens_details: { reasoning_tokens: 500 },
    },
    { ...read, reasoning_tokens: 500 },
  ],
  ["with more thoughts than output", { ...read, reasoning_tokens: 9_000 }, { ...read, reasoning_tokens: 2_000 }],
  ["with thoughts that are no number", { ...read, reasoning_tokens: "many" }, read],
])("the usage of an SVG's author is read %s", (_, sent, expected) => {
  expect(readSvgUsage(sent, "asked")).toEqual(expected);
});

test.each([
  ["nothing", undefined],
  ["null", null],
  ["zeros", { ...read, input_tokens: 0, output_tokens: 0, total_tokens: 0 }],
  ["half of it", { model: read.model, input_tokens: 900 }],
])("%s is no usage of an SVG's author", (_, sent) => {
  expect(readSvgUsage(sent, "asked")).toBeUndefined();
});

test("an unnamed author has no usage", () => {
  expect(readSvgUsage({ ...read, model: undefined }, undefined)).toBeUndefined();
});
