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
    expect(priceOf(terms(id, quality), { sizes: [size], usage })).toEqual({ costMicros, missing: [] });
    const three = priceOf(terms(id, quality), { sizes: [size, size, size], usage });
    expect(three.costMicros).toBe(3 * costMicros);
  });

  test("GPT Image 1 adds its token fee: 1,000 text tokens cost $0.002, 1,000 image tokens $0.010", () => {
    const delivered = { sizes: ["1024x1024", "1024x1024"], usage: usageOf(1000, 1000) };
    expect(priceOf(terms("gpt-image-1", "high"), delivered).costMicros).toBe(172_000);
  });

  test("its own example of usage, 40 text and 10 image tokens, costs 180 micros beside the image", () => {
    const delivered = { sizes: ["1024x1024"], usage: usageOf(40, 10, 4160) };
    expect(priceOf(terms("gpt-image-1", "high"), delivered)).toEqual({ costMicros: 80_180, missing: [] });
  });
});

describe("the quality that is billed", () => {
  const usage = usageOf(0, 0);

  test.each(["auto", undefined])("is the upstream's when the caller asked for %s", (quality) => {
    const delivered = { sizes: ["1024x1024"], reportedQuality: "medium", usage };
    expect(priceOf(terms("gpt-image-1", quality), delivered).costMicros).toBe(40_000);
  });

  test("is the caller's where they named one, for an upstream with other words", () => {
    const delivered = { sizes: ["1024x1024"], reportedQuality: "high" };
    expect(priceOf(terms("dall-e-3", "hd"), delivered).costMicros).toBe(80_000);
  });
});

describe("a missing price is told, and never counts as nothing", () => {
  test.each([
    ["a size", "dall-e-3", "hd", { sizes: ["1792x1024"] }, "quality 'hd' and size 1792x1024"],
    ["a quality", "dall-e-3", "auto", { sizes: ["1024x1024"] }, "quality 'auto' and size 1024x1024"],
    ["one size of two", "dall-e-2", undefined, { sizes: ["256x256", "300x300"] }, "size 300x300"],
    ["a whole model", "gpt-image-2", undefined, { sizes: ["1024x1024"], usage: usageOf(1, 1) }, "of 'gpt-image-2'"],
    ["Doubao", "doubao-seedream-3-0-t2i", undefined, { sizes: ["1024x1024"] }, "of 'doubao-seedream-3-0-t2i'"],
    ["a number of tokens", "gpt-image-1", "low", { sizes: ["1024x1024"] }, "not reported"],
  ])("%s", (_what, id, quality, delivered, told) => {
    const cost = priceOf(terms(id, quality), delivered);
    expect(cost.costMicros).toBeNull();
    expect(cost.missing).toEqual([expect.stringContaining(told)]);
  });

  test("a kind of token", () => {
    const prices = { per1kTokensMicros: { textInput: 5000, imageOutput: 30_000 } };
    expect(priceOf(termsWith(prices), { sizes: ["1x1"], usage: usageOf(1000, 7, 1000) })).toEqual({
      costMicros: null,
      missing: ["imageInput tokens of 'm'"],
    });
    expect(priceOf(termsWith(prices), { sizes: ["1x1"], usage: usageOf(1000, 0, 1000) }).costMicros).toBe(35_000);
  });
});

/** One text token and one image token, at these prices per thousand. */
const twoTokens = (textInput: number, imageInput: number) => {
  const prices = { per1kTokensMicros: { textInput, imageInput } };
  return priceOf(termsWith(prices), { sizes: [], usage: usageOf(1, 1) }).costMicros;
};

describe("prices of an operator's own", () => {
  test("any stands for every quality or size without an entry", () => {
    const perImageMicros = { any: { any: 1, "2x2": 2 }, high: { any: 3, "4x4": 4 } };
    const cost = (quality: string, size: string) =>
      priceOf(termsWith({ perImageMicros }, quality), { sizes: [size] }).costMicros;
    expect([cost("low", "1x1"), cost("low", "2x2"), cost("high", "2x2"), cost("high", "4x4")]).toEqual([1, 2, 3, 4]);
  });

  test("a zero that somebody wrote is free of charge", () => {
    const prices = { perImageMicros: { any: { any: 0 } } };
    expect(priceOf(termsWith(prices), { sizes: ["1x1"], usage: usageOf(5, 5) })).toEqual({
      costMicros: 0,
      missing: [],
    });
  });

  test("output tokens with prices of their own are added to the image fee, text and image apart", () => {
    const prices = { perImageMicros: { any: { any: 10 } }, per1kTokensMicros: { textOutput: 1000, imageOutput: 2000 } };
    const usage = { ...usageOf(0, 0, 30), output_tokens_details: { text_tokens: 10, image_tokens: 20 } };
    expect(priceOf(termsWith(prices), { sizes: ["1x1"], usage }).costMicros).toBe(10 + 10 + 40);
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
        const { costMicros } = priceOf(termsWith(prices), { sizes: ["1x1", "1x1"], usage: usageOf(text, image) });
        const tokens = BigInt(text) * BigInt(textInput) + BigInt(image) * BigInt(imageInput);
        expect(costMicros).toBe(Number(2n * BigInt(perImage) + (tokens + 500n) / 1000n));
      }),
    );
  });
});
