import { expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { modelSchema } from "./model-schema.ts";

const unknown = "Its cost is unknown there, and keys with a budget are refused";

test("the built-in models that are not priced throughout are named, each once, with what is missing", () => {
  expect(missingPrices(loadCatalogue())).toEqual([
    {
      model: "dall-e-3",
      sentence: `No price for 'dall-e-3': 1792x1024; 1024x1792. ${unknown}`,
    },
    {
      model: "gpt-image-1",
      sentence: `No price for 'gpt-image-1': 1536x1024; 1024x1536. ${unknown}`,
    },
    ...["gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "doubao-seedream-3-0-t2i"].map((model) => ({
      model,
      sentence: `No price for '${model}': none at all. ${unknown}`,
    })),
  ]);
});

const gapsOf = (prices: object, over: object = {}) => {
  const entry = modelSchema.parse({ provider: "p", maxImages: 1, sizes: { values: ["1x1"] }, prices, ...over });
  const model = { ...entry, id: "m", upstream: { ...entry.upstream, model: "m" } };
  return missingPrices({ models: [model] }).map(({ sentence }) =>
    sentence.replace("No price for 'm': ", "").replace(`. ${unknown}`, ""),
  );
};

test("a model with a price for everything is not named", () => {
  expect(gapsOf({ perImageMicros: { any: { any: 0 } } }, { sizes: { rule: {} } })).toEqual([]);
  const tokens = { textInput: 1, imageOutput: 1 };
  expect(gapsOf({ per1kTokensMicros: tokens }, { maxOutputTokensPerImage: 1 })).toEqual([]);
});

test.each([
  ["any other size", { perImageMicros: { any: { "1x1": 1 } } }, { sizes: { values: ["1x1"], rule: {} } }],
  [
    "any other size at high",
    { perImageMicros: { low: { any: 1 }, high: { "1x1": 1 } } },
    {
      sizes: { values: ["1x1"], rule: {} },
      parameters: { quality: { values: ["auto", "low", "high"] } },
    },
  ],
  ["textInput tokens; imageOutput tokens", { per1kTokensMicros: {} }, {}],
  ["textInput tokens", { perImageMicros: { any: { any: 1 } }, per1kTokensMicros: { imageInput: 1 } }, {}],
  ["maxOutputTokensPerImage is not set", { per1kTokensMicros: { textInput: 1, imageOutput: 1 } }, {}],
])("%s", (gaps, prices, over) => {
  expect(gapsOf(prices, over)).toEqual([gaps]);
});
