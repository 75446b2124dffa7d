import { describe, expect, test } from "vitest";
import { billOf } from "./bill-of.ts";
import type { Terms } from "./terms.ts";

const terms: Terms = {
  model: "m",
  quality: "high",
  prices: { perImageMicros: { high: { "1x1": 100 } }, per1kTokensMicros: { textInput: 1000 } },
};
const usage = {
  prompt_tokens: 7,
  input_tokens: 7,
  output_tokens: 30,
  total_tokens: 37,
  input_tokens_details: { text_tokens: 7, image_tokens: 0 },
};

describe("a bill", () => {
  test("is for the images that were delivered, and tells the tokens", () => {
    expect(billOf(terms, 1000, { images: [{ size: "1x1" }, { size: "1x1" }, { size: "1x1" }], usage })).toEqual({
      images: 3,
      inputTokens: 7,
      outputTokens: 30,
      costMicros: 307,
      providerCostMicros: null,
      missing: [],
    });
  });

  test("is never above what was reserved, and says what it would have been", () => {
    const bill = billOf(terms, 306, { images: [{ size: "1x1" }, { size: "1x1" }, { size: "1x1" }], usage });
    expect(bill).toMatchObject({ costMicros: 306, cappedFromMicros: 307 });
    expect(
      billOf(terms, 307, { images: [{ size: "1x1" }, { size: "1x1" }, { size: "1x1" }], usage }),
    ).not.toHaveProperty("cappedFromMicros");
    expect(billOf(terms, 0, { images: [{ size: "1x1" }], usage })).toMatchObject({
      costMicros: 0,
      cappedFromMicros: 107,
    });
  });

  test("has no bound where nothing was reserved", () => {
    expect(billOf(terms, null, { images: [{ size: "1x1" }], usage })).toMatchObject({ costMicros: 107 });
  });

  test.each([
    ["a size", { images: [{ size: "1x1" }, { size: "2x2" }], usage }],
    ["the tokens", { images: [{ size: "1x1" }] }],
  ])("without %s is unknown, not a part of it and not the reservation", (_what, delivered) => {
    const bill = billOf(terms, 1000, delivered);
    expect(bill.costMicros).toBeNull();
    expect(bill.missing).toHaveLength(1);
  });

  test("for no image is 0, even where nothing is priced", () => {
    expect(billOf({ ...terms, prices: {} }, null, { images: [], usage })).toMatchObject({ costMicros: 0, missing: [] });
  });

  test("tells the provider's price beside it, which no reservation bounds", () => {
    const providerPrices = { perImageMicros: { any: { any: 500 } } };
    const bill = billOf({ ...terms, providerPrices }, 50, { images: [{ size: "1x1" }], usage });
    expect(bill).toMatchObject({ costMicros: 50, providerCostMicros: 500, cappedFromMicros: 107 });
  });

  test("says what is missing of the provider's price, and is known all the same", () => {
    const providerPrices = { perImageMicros: { low: { any: 500 } } };
    expect(billOf({ ...terms, providerPrices }, null, { images: [{ size: "1x1" }], usage })).toMatchObject({
      costMicros: 107,
      providerCostMicros: null,
      missing: ["the provider's price of an image of 'm' at quality 'high' and size 1x1"],
    });
  });
});
