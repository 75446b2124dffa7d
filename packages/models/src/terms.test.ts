import { describe, expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { termsOf, termsSchema } from "./terms.ts";

const model = (id: string) => loadCatalogue().find(id) ?? expect.fail(`no model ${id}`);
const perImageMicros = { low: { any: 1 }, high: { "1x1": 2 }, any: { any: 3 } };
const priced = { id: "m", parameters: {}, prices: { perImageMicros } };

describe("the terms of a request", () => {
  test("keep the prices of the quality that was asked for, and of any", () => {
    const prices = { perImageMicros: { high: { "1x1": 2 }, any: { any: 3 } } };
    expect(termsOf(priced, { quality: "high" })).toEqual({ model: "m", quality: "high", prices });
  });

  test.each(["auto", undefined])("keep every price when the quality is %s", (quality) => {
    expect(termsOf(priced, { quality })).toEqual({ model: "m", quality: "auto", prices: { perImageMicros } });
  });

  test("go by the model's default where the caller was silent", () => {
    const standard = { "1024x1024": 40_000, "1792x1024": 80_000, "1024x1792": 80_000 };
    const prices = { perImageMicros: { standard } };
    expect(termsOf(model("dall-e-3"), {})).toEqual({ model: "dall-e-3", quality: "standard", prices });
  });

  test("hold what the provider charges, where it is known", () => {
    const providerPrices = { perImageMicros, per1kTokensMicros: { textInput: 7 } };
    expect(termsOf({ ...priced, prices: {}, providerPrices }, { quality: "low" })).toEqual({
      model: "m",
      quality: "low",
      prices: {},
      providerPrices: { perImageMicros: { low: { any: 1 }, any: { any: 3 } }, per1kTokensMicros: { textInput: 7 } },
    });
  });

  test("still say that a model bills by image where the quality asked for has no price", () => {
    expect(termsOf({ ...priced, prices: { perImageMicros: { low: { any: 1 } } } }, { quality: "high" }).prices).toEqual(
      {
        perImageMicros: {},
      },
    );
  });

  test.each(loadCatalogue().models.map(({ id }) => id))("of %s survive the record, and are short", (id) => {
    const text = JSON.stringify(termsOf(model(id), {}));
    expect(termsSchema.parse(JSON.parse(text))).toEqual(termsOf(model(id), {}));
    expect(text.length).toBeLessThan(350);
  });

  test("are not read in part: a kind of price that is not known here cannot be billed", () => {
    const prices = { perImageMicros, perPixelMicros: 1 };
    expect(termsSchema.safeParse({ model: "m", quality: "auto", prices }).success).toBe(false);
  });
});
