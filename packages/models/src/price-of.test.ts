import type { Usage } from "@darkroom/contracts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { priceOf } from "./price-of.ts";
import type { Prices } from "./price-schema.ts";
import { type Terms, termsOf } from "./terms.ts";

const catalogue = loadCatalogue();
const terms = (id: string, quality?: string): Terms => {
  const found = catalogue.find(id);
  if (found === undefined) throw new Error(`no model ${id}`);
  return termsOf(found, { quality });
};
const termsWith = (prices: Prices, quality?: string) => termsOf({ id: "m", parameters: {}, prices }, { quality });

const usageOf = (text: number, image: number, output = 0): Usage => ({
  prompt_tokens: text + image,
  input_tokens: text + image,
  output_tokens: output,
  total_tokens: text + image + output,
  input_tokens_details: { text_tokens: text, image_tokens: image },
});

describe("the price table of the commissioned document", () => {
  test.each([
    ["dall-e-2", undefined, "256x256", 16_000],
    ["dall-e-2", "standard", "256x256", 16_000],
    ["dall-e-2", "auto", "512x512", 18_000],
    ["dall-e-2", undefined, "1024x1024", 20_000],
    ["dall-e-3", "standard", "1024x1024", 40_000],
    ["dall-e-3", undefined, "1024x1024", 40_000],
    ["dall-e-3", "hd", "1024x1024", 80_000],
    ["gpt-image-1", "low", "1024x1024", 20_000],
    ["gpt-image-1", "medium", "1024x1024", 40_000],
    ["gpt-image-1", "high", "1024x1024", 80_000],
  ])("%s %s %s costs %i micros an image", (id, quality, size, costMicros) => {
    const usage = id === "gpt-image-1" ? usageOf(0, 0, 4160) : undefined;
    expect(priceOf(terms(id, quality), { images: [{ size }], usage })).toEqual({ costMicros, missing: [] });
    const three = priceOf(terms(id, quality), { images: [{ size }, { size }, { size }], usage });
    expect(three.costMicros).toBe(3 * costMicros);
  });

  test("GPT Image 1 adds its token fee: 1,000 text tokens cost $0.002, 1,000 image tokens $0.010", () => {
    const delivered = { images: [{ size: "1024x1024" }, { size: "1024x1024" }], usage: usageOf(1000, 1000) };
    expect(priceOf(terms("gpt-image-1", "high"), delivered).costMicros).toBe(172_000);
  });

  test("its own example of usage, 40 text and 10 image tokens, costs 180 micros beside the image", () => {
    const delivered = { images: [{ size: "1024x1024" }], usage: usageOf(40, 10, 4160) };
    expect(priceOf(terms("gpt-image-1", "high"), delivered)).toEqual({ costMicros: 80_180, missing: [] });
  });
});

describe("the quality that is billed", () => {
  const usage = usageOf(0, 0);

  test.each(["auto", undefined])("is the upstream's when the caller asked for %s", (quality) => {
    const delivered = { images: [{ size: "1024x1024", reportedQuality: "medium" }], usage };
    expect(priceOf(terms("gpt-image-1", quality), delivered).costMicros).toBe(40_000);
  });

  test("is the caller's where they named one, for an upstream with other words", () => {
    const delivered = { images: [{ size: "1024x1024", reportedQuality: "high" }] };
    expect(priceOf(terms("dall-e-3", "hd"), delivered).costMicros).toBe(80_000);
  });
});

describe("a missing price is told, and never counts as nothing", () => {
  test.each([
    ["a size", "dall-e-3", "hd", { images: [{ size: "1536x1024" }] }, "quality 'hd' and size 1536x1024"],
    ["a quality", "dall-e-3", "auto", { images: [{ size: "1024x1024" }] }, "quality 'auto' and size 1024x1024"],
    ["one size of two", "dall-e-2", undefined, { images: [{ size: "256x256" }, { size: "300x300" }] }, "size 300x300"],
    ["a number of tokens", "gpt-image-1", "low", { images: [{ size: "1024x1024" }] }, "not reported"],
    ["all tokens", "gpt-image-2", "low", { images: [{ size: "1024x1024" }] }, "not reported"],
  ])("%s", (_what, id, quality, delivered, told) => {
    const cost = priceOf(terms(id, quality), delivered);
    expect(cost.costMicros).toBeNull();
    expect(cost.missing).toEqual([expect.stringContaining(told)]);
  });

  test("a whole model", () => {
    expect(priceOf(termsWith({}), { images: [{ size: "1x1" }] })).toEqual({
      costMicros: null,
      missing: ["an image of 'm'"],
    });
  });

  test("a kind of token", () => {
    const prices = { per1kTokensMicros: { textInput: 5000, imageOutput: 30_000 } };
    expect(priceOf(termsWith(prices), { images: [{ size: "1x1" }], usage: usageOf(1000, 7, 1000) })).toEqual({
      costMicros: null,
      missing: ["imageInput tokens of 'm'"],
    });
    expect(priceOf(termsWith(prices), { images: [{ size: "1x1" }], usage: usageOf(1000, 0, 1000) }).costMicros).toBe(
      35_000,
    );
  });
});

/** One text token and one image token, at these prices per thousand. */
const twoTokens = (textInput: number, imageInput: number) => {
  const prices = { per1kTokensMicros: { textInput, imageInput } };
  return priceOf(termsWith(prices), { images: [], usage: usageOf(1, 1) }).costMicros;
};

describe("prices of an operator's own", () => {
  test("any stands for every quality or size without an entry", () => {
    const perImageMicros = { any: { any: 1, "2x2": 2 }, high: { any: 3, "4x4": 4 } };
    const cost = (quality: string, size: string) =>
      priceOf(termsWith({ perImageMicros }, quality), { images: [{ size }] }).costMicros;
    expect([cost("low", "1x1"), cost("low", "2x2"), cost("high", "2x2"), cost("high", "4x4")]).toEqual([1, 2, 3, 4]);
  });

  test("an explicit zero is free of charge", () => {
    const prices = { perImageMicros: { any: { any: 0 } } };
    expect(priceOf(termsWith(prices), { images: [{ size: "1x1" }], usage: usageOf(5, 5) })).toEqual({
      costMicros: 0,
      missing: [],
    });
  });

  test("output tokens with prices of their own are added to the image fee, text and image apart", () => {
    const prices = { perImageMicros: { any: { any: 10 } }, per1kTokensMicros: { textOutput: 1000, imageOutput: 2000 } };
    const usage = { ...usageOf(0, 0, 30), output_tokens_details: { text_tokens: 10, image_tokens: 20 } };
    expect(priceOf(termsWith(prices), { images: [{ size: "1x1" }], usage }).costMicros).toBe(10 + 10 + 40);
  });

  test("fractions of a micro are rounded once, half up", () => {
    expect([499, 500, 1499].map((price) => twoTokens(price, 0))).toEqual([0, 1, 1]);
    expect([twoTokens(250, 250), twoTokens(400, 99)]).toEqual([1, 0]);
  });

  test("the sum is exact, whatever the prices and counts", () => {
    const price = fc.integer({ min: 0, max: 1_000_000_000 });
    const count = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(price, price, price, count, count, (perImage, textInput, imageInput, text, image) => {
        const prices = { perImageMicros: { any: { any: perImage } }, per1kTokensMicros: { textInput, imageInput } };
        const { costMicros } = priceOf(termsWith(prices), {
          images: [{ size: "1x1" }, { size: "1x1" }],
          usage: usageOf(text, image),
        });
        const tokens = BigInt(text) * BigInt(textInput) + BigInt(image) * BigInt(imageInput);
        expect(costMicros).toBe(Number(2n * BigInt(perImage) + (tokens + 500n) / 1000n));
      }),
    );
  });
});

test.each(["", "auto"])("a quality that is reported as %j hides no price", (reportedQuality) => {
  const prices = { perImageMicros: { auto: { any: 7 } } };
  expect(priceOf(termsWith(prices, "auto"), { images: [{ size: "1x1", reportedQuality }] }).costMicros).toBe(7);
});

test("output tokens that have a price, and of which an image counts none, are not known", () => {
  const prices = { per1kTokensMicros: { textInput: 5, imageOutput: 30 } };
  expect(priceOf(termsWith(prices), { images: [{ size: "1x1" }], usage: usageOf(5, 0) })).toEqual({
    costMicros: null,
    missing: ["the output tokens of 'm', whose number was not reported"],
  });
});

describe("cached tokens", () => {
  const perToken = { textInput: 5000, cachedTextInput: 1250, imageInput: 8000, cachedImageInput: 2000, imageOutput: 0 };
  const cached = { text_tokens: 400, image_tokens: 100 };
  const usage = {
    ...usageOf(1000, 200),
    input_tokens_details: { text_tokens: 1000, image_tokens: 200, cached_tokens: 500, cached_tokens_details: cached },
  };

  test("are billed at their own price, and the others in full", () => {
    const { costMicros } = priceOf(termsWith({ per1kTokensMicros: perToken }), { images: [{ size: "1x1" }], usage });
    expect(costMicros).toBe(600 * 5 + (400 * 1250) / 1000 + 100 * 8 + 100 * 2);
  });

  test("are billed in full where they have no price", () => {
    const { cachedTextInput: _text, cachedImageInput: _image, ...prices } = perToken;
    const { costMicros } = priceOf(termsWith({ per1kTokensMicros: prices }), { images: [{ size: "1x1" }], usage });
    expect(costMicros).toBe(1000 * 5 + 200 * 8);
  });
});

describe("the author of an SVG", () => {
  const svgUsage = {
    model: "author",
    input_tokens: 3000,
    output_tokens: 2000,
    reasoning_tokens: 500,
    total_tokens: 5000,
  };
  const prices = {
    perImageMicros: { any: { any: 7 } },
    svgAuthorsPer1kTokensMicros: { author: { input: 10, output: 50 } },
  };
  const priced = { id: "m", parameters: {}, prices };
  const asked = { output_format: "svg", svg: { model: "author" } };

  test("is billed beside the image", () => {
    expect(priceOf(termsOf(priced, asked), { images: [{ size: "1x1" }], svgUsage }).costMicros).toBe(7 + 30 + 100);
  });

  test.each([
    ["its dated name is reported", asked, "author-2026-11-04"],
    ["the request named none", { output_format: "svg" }, "author"],
  ])("is found where %s", (_, request, model) => {
    const delivered = { images: [{ size: "1x1" }], svgUsage: { ...svgUsage, model } };
    expect(priceOf(termsOf(priced, request), delivered).costMicros).toBe(137);
  });

  test.each([
    [
      "another one wrote",
      asked,
      { ...svgUsage, model: "someone" },
      "the tokens of 'someone', the author of an SVG of 'm'",
    ],
    [
      "nothing is reported",
      asked,
      undefined,
      "the tokens of the author of an SVG of 'm', whose number was not reported",
    ],
    [
      "no output is counted, which an SVG always has",
      asked,
      { ...svgUsage, output_tokens: 0 },
      "the tokens of the author of an SVG of 'm', whose number was not reported",
    ],
  ])("has an unknown price where %s", (_, request, reported, missing) => {
    const delivered = { images: [{ size: "1x1" }], svgUsage: reported };
    expect(priceOf(termsOf(priced, request), delivered)).toEqual({ costMicros: null, missing: [missing] });
  });

  test("is no matter of other formats", () => {
    expect(termsOf(priced, { output_format: "png" }).prices).toEqual({ perImageMicros: prices.perImageMicros });
  });
});

describe("a size in pixels", () => {
  const perImageMicros = { any: { "<=100": 10, "<=400": 20, any: 30, "5x5": 1 } };
  const cost = (size: string) => priceOf(termsWith({ perImageMicros }), { images: [{ size }] }).costMicros;

  test.each([
    ["10x10", 10],
    ["1x101", 20],
    ["20x20", 20],
    ["20x21", 30],
    ["5x5", 1],
  ])("of %s costs %i micros by the smallest band that holds it", (size, micros) => {
    expect(cost(size)).toBe(micros);
  });
});

describe("a size that the operator maps to another", () => {
  const perImageMicros = { hd: { "1792x1024": 80, "1536x1024": 60 } };
  const mapped = { id: "m", parameters: {}, prices: { perImageMicros } };

  test("is billed as it was asked for", () => {
    const agreed = termsOf(mapped, { quality: "hd", size: "1792x1024" }, { size: "1536x1024" });
    expect(priceOf(agreed, { images: [{ size: "1536x1024" }] }).costMicros).toBe(80);
    const left = termsOf(mapped, { quality: "hd", size: "1792x1024" }, {});
    expect(priceOf(left, { images: [{ size: "1254x1254" }] }).costMicros).toBe(80);
  });

  test("is billed as it was measured where the caller left it open", () => {
    const agreed = termsOf(mapped, { quality: "hd", size: "auto" }, { size: "1536x1024" });
    expect(priceOf(agreed, { images: [{ size: "1536x1024" }] }).costMicros).toBe(60);
  });

  test("and its quality, too, where auto is mapped to what another quality is mapped to", () => {
    const parameters = { quality: { values: ["auto", "standard", "hd"] } };
    const upstream = { parameters: { quality: { auto: "medium", standard: "medium", hd: "high" } } };
    const prices = { perImageMicros: { standard: { any: 4 }, hd: { any: 8 } } };
    const agreed = termsOf({ id: "m", parameters, prices, upstream }, { quality: "auto" });
    expect(priceOf(agreed, { images: [{ size: "1x1", reportedQuality: "medium" }] }).costMicros).toBe(4);
  });
});
