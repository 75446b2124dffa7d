import { expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { modelSchema } from "./model-schema.ts";

test("the built-in models that are not priced throughout are named, each with what is missing", () => {
  expect(missingPrices(loadCatalogue())).toEqual({
    "dall-e-3": ["1792x1024", "1024x1792"],
    "gpt-image-1": ["1536x1024", "1024x1536"],
    "gpt-image-1-mini": ["none at all"],
    "gpt-image-1.5": ["none at all"],
    "gpt-image-2": ["none at all"],
    "doubao-seedream-3-0-t2i": ["none at all"],
  });
});

const gapsOf = (prices: object, over: object = {}) => {
  const entry = modelSchema.parse({ provider: "p", maxImages: 1, sizes: { values: ["1x1"] }, prices, ...over });
  const model = { ...entry, id: "m", upstream: { ...entry.upstream, model: "m" } };
  return missingPrices({ models: [model] });
};

test("a model with a price for everything is not named", () => {
  expect(gapsOf({ perImageMicros: { any: { any: 0 } } }, { sizes: { rule: {} } })).toEqual({});
  const tokens = { textInput: 1, imageOutput: 1 };
  expect(gapsOf({ per1kTokensMicros: tokens }, { maxOutputTokensPerImage: 1 })).toEqual({});
});

test.each([
  [["any other size"], { perImageMicros: { any: { "1x1": 1 } } }, { sizes: { values: ["1x1"], rule: {} } }],
  [
    ["any other size at high"],
    { perImageMicros: { low: { any: 1 }, high: { "1x1": 1 } } },
    {
      sizes: { values: ["1x1"], rule: {} },
      parameters: { quality: { values: ["auto", "low", "high"] } },
    },
  ],
  [["textInput tokens", "imageOutput tokens"], { per1kTokensMicros: {} }, {}],
  [["textInput tokens"], { perImageMicros: { any: { any: 1 } }, per1kTokensMicros: { imageInput: 1 } }, {}],
  [["maxOutputTokensPerImage is not set"], { per1kTokensMicros: { textInput: 1, imageOutput: 1 } }, {}],
])("%j", (gaps, prices, over) => {
  expect(gapsOf(prices, over)).toEqual({ m: gaps });
});
