import { expect, test } from "vitest";
import { checkCatalogue } from "./check-catalogue.ts";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { modelSchema } from "./model-schema.ts";

test("every built-in model is priced throughout", () => {
  expect(missingPrices(loadCatalogue())).toEqual({});
});

test("a model whose sizes another model draws needs a price for what that one may choose", () => {
  const entry = { provider: "p", maxImages: 1, parameters: {}, prices: { perImageMicros: { any: { "1x1": 1 } } } };
  const of = (id: string, more: object) => ({ [id]: { ...entry, ...more } });
  const upstream = { model: "wide", parameters: { size: { auto: "1x1" } } };
  const data = {
    ...of("wide", { sizes: { values: ["auto"], rule: {} }, prices: { perImageMicros: { any: { any: 1 } } } }),
    ...of("asked in pixels", { sizes: { values: ["1x1"], default: "1x1" }, upstream: { model: "wide" } }),
    ...of("left open", { sizes: { values: ["auto", "1x1"] }, upstream: { model: "wide" } }),
    ...of("settled", { sizes: { values: ["auto", "1x1"], default: "auto" }, upstream }),
  };
  const { models } = checkCatalogue({ defaultModel: "wide", models: data });
  expect(missingPrices({ models })).toEqual({ "left open": ["any other size"] });
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
  [["outputTokens or maxOutputTokensPerImage"], { per1kTokensMicros: { textInput: 1, imageOutput: 1 } }, {}],
  [
    ["outputTokens or maxOutputTokensPerImage at high"],
    { per1kTokensMicros: { textInput: 1, imageOutput: 1 } },
    {
      parameters: { quality: { values: ["auto", "low", "high"] } },
      outputTokens: { patches: { low: 16 }, autoPixels: 1 },
    },
  ],
])("%j", (gaps, prices, over) => {
  expect(gapsOf(prices, over)).toEqual({ m: gaps });
});
