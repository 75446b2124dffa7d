import { sumOfUsages, type Usage } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { divideUsage } from "./divide-usage.ts";

const usage: Usage = {
  prompt_tokens: 13,
  input_tokens: 13,
  output_tokens: 100,
  // An upstream that counts something else, too: that must not be lost.
  total_tokens: 120,
  input_tokens_details: { text_tokens: 10, image_tokens: 3 },
  output_tokens_details: { text_tokens: 2, image_tokens: 98 },
};

test.each([1, 2, 3, 7, 10])("the bills of %d images add up to the generation's", (images) => {
  const bills = divideUsage(usage, images);
  expect(bills).toHaveLength(images);
  expect(sumOfUsages(bills)).toEqual(usage);
});

test("the prompt is on the first bill, the remainder of what was drawn on the last", () => {
  const [first, second, last] = divideUsage(usage, 3);
  expect(first).toMatchObject({ input_tokens: 13, output_tokens: 33, total_tokens: 53 });
  expect(second).toMatchObject({ input_tokens: 0, output_tokens: 33, total_tokens: 33 });
  expect(last).toMatchObject({ input_tokens: 0, output_tokens: 34, total_tokens: 34 });
});
