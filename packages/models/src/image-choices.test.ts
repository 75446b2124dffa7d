import { expect, test } from "vitest";
import { pricedImages } from "./image-choices.ts";
import { loadCatalogue } from "./load-catalogue.ts";

const model = (id: string) => loadCatalogue().find(id) ?? expect.fail(`no model ${id}`);

test.each([
  ["dall-e-2", ["256x256", "512x512", "1024x1024"]],
  ["dall-e-3", ["1024x1024", "1792x1024", "1024x1792"]],
  ["gpt-image-1", ["1024x1024", "1536x1024", "1024x1536"]],
  ["gpt-image-2", []],
  ["doubao-seedream-5-0-pro", ["any other size", "any size of at most 2610000 pixels"]],
])("of %s these are priced: %j", (id, priced) => {
  expect(pricedImages(model(id))).toEqual(priced);
});

test("sizes that only a rule allows are told where they have a price, and so is any other", () => {
  const perImageMicros = { low: { "512x512": 1 }, high: { any: 2 } };
  expect(pricedImages({ ...model("gpt-image-2"), prices: { perImageMicros } })).toEqual([
    "any other size at high",
    "512x512 at low, high",
  ]);
});
