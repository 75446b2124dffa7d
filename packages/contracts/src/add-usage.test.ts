import { expect, test } from "vitest";
import { addUsage } from "./add-usage.ts";
import type { Usage } from "./image-response.ts";

const usage = (over: Partial<Usage> = {}): Usage => ({
  prompt_tokens: 10,
  input_tokens: 10,
  output_tokens: 100,
  total_tokens: 110,
  input_tokens_details: { text_tokens: 8, image_tokens: 2 },
  ...over,
});

test("every number of two calls is added up", () => {
  const split = { output_tokens_details: { text_tokens: 1, image_tokens: 99 } };
  expect(addUsage(usage(split), usage(split))).toEqual({
    prompt_tokens: 20,
    input_tokens: 20,
    output_tokens: 200,
    total_tokens: 220,
    input_tokens_details: { text_tokens: 16, image_tokens: 4 },
    output_tokens_details: { text_tokens: 2, image_tokens: 198 },
  });
});

test("what nobody reported adds nothing", () => {
  expect(addUsage(undefined, usage())).toEqual(usage());
  expect(addUsage(usage(), undefined)).toEqual(usage());
});

test("output that one call did not split has drawn with all of it: no token falls off the bill", () => {
  const split = usage({ output_tokens_details: { text_tokens: 1, image_tokens: 99 } });
  const both = { text_tokens: 1, image_tokens: 199 };
  expect(addUsage(split, usage())).toMatchObject({ output_tokens: 200, output_tokens_details: both });
  expect(addUsage(usage(), split)).toMatchObject({ output_tokens: 200, output_tokens_details: both });
});
