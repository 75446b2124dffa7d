import { expect, test } from "vitest";
import { addUsage, splitCached, sumOfUsages } from "./add-usage.ts";
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

test("a sum of which a part is not known is not known", () => {
  expect(sumOfUsages([usage(), usage()])).toEqual(addUsage(usage(), usage()));
  expect(sumOfUsages([usage()])).toEqual(usage());
  expect(sumOfUsages([usage(), undefined])).toBeUndefined();
  expect(sumOfUsages([undefined, usage()])).toBeUndefined();
  expect(sumOfUsages([])).toBeUndefined();
});

test("output tokens of which one call counts none are not known, and those of which no call counts any are none", () => {
  const none = usage({ output_tokens: 0, total_tokens: 10 });
  expect(sumOfUsages([usage(), none])).toBeUndefined();
  expect(sumOfUsages([none, usage()])).toBeUndefined();
  expect(sumOfUsages([none, none])).toMatchObject({ input_tokens: 20, output_tokens: 0 });
});

test("output that one call did not split has drawn with all of it: no token falls off the bill", () => {
  const split = usage({ output_tokens_details: { text_tokens: 1, image_tokens: 99 } });
  const both = { text_tokens: 1, image_tokens: 199 };
  expect(addUsage(split, usage())).toMatchObject({ output_tokens: 200, output_tokens_details: both });
  expect(addUsage(usage(), split)).toMatchObject({ output_tokens: 200, output_tokens_details: both });
});

const cachedInput = (cached: object) => usage({ input_tokens_details: { text_tokens: 8, image_tokens: 2, ...cached } });

test("cached tokens are added up where one call tells of them", () => {
  const details = { cached_tokens: 5, cached_tokens_details: { text_tokens: 4, image_tokens: 1 } };
  const input = { text_tokens: 16, image_tokens: 4, ...details };
  expect(addUsage(cachedInput(details), usage()).input_tokens_details).toEqual(input);
  expect(addUsage(usage(), cachedInput(details)).input_tokens_details).toEqual(input);
});

test.each([
  ["a number that may be of text or of images", { cached_tokens: 5 }],
  ["more text than there was", { cached_tokens_details: { text_tokens: 9, image_tokens: 0 } }],
  ["more images than there were", { cached_tokens_details: { text_tokens: 0, image_tokens: 3 } }],
])("%s counts as nothing cached", (_, cached) => {
  expect(splitCached(cachedInput(cached))).toEqual({ text_tokens: 0, image_tokens: 0 });
});

test("without images, what was cached is text", () => {
  const input = { text_tokens: 8, image_tokens: 0, cached_tokens: 5 };
  expect(splitCached(usage({ input_tokens_details: input }))).toEqual({ text_tokens: 5, image_tokens: 0 });
});
