import { describe, expect, test } from "vitest";
import type { CatalogueModel } from "./catalogue.ts";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { mostOutputTokens } from "./output-tokens.ts";
import { priceOf } from "./price-of.ts";
import { priceOfOneImage } from "./price-of-one-image.ts";
import { resolveRequest } from "./resolve-request.ts";
import { acceptsSize } from "./sizes-schema.ts";
import { parseSize } from "./size-rule.ts";
import { termsOf } from "./terms.ts";
import { worstCaseOf } from "./worst-case-of.ts";

const catalogue = loadCatalogue();
const { models } = catalogue;

/** Sizes of every kind: the smallest and the largest that some model draws, squares, and the longest shapes. */
const sizes =
  `256x256 512x512 720x720 1024x640 1024x1024 1536x1024 1024x1536 1792x1024 1024x1792 1280x720 1616x1616 2048x2048
  2448x3264 2560x1440 2880x2880 3072x1024 3072x3072 3840x2160 2160x3840 4096x4096`.split(/\s+/);

function modelOf(id: string): CatalogueModel {
  const model = catalogue.find(id);
  if (model === undefined) throw new Error(`no model ${id}`);
  return model;
}

/** Every quality and size of a model. */
function choicesOf(model: CatalogueModel) {
  const named = [...model.sizes.values, ...sizes].filter((size) => parseSize(size) !== undefined);
  const drawn = [...new Set(named)].filter((size) => acceptsSize(model.sizes, size));
  const qualities = model.parameters.quality?.values ?? [undefined];
  return qualities.flatMap((quality) => drawn.map((size) => ({ quality, size })));
}

test("every built-in model has a price, and a bound, for all that it draws", () => {
  expect(missingPrices(catalogue)).toEqual({});
});

test.each(models)("$id has a price at every quality and size, within the worst case", (model) => {
  const choices = choicesOf(model);
  expect(choices.length).toBeGreaterThan(1);
  for (const { quality, size } of choices) {
    const resolved = resolveRequest(catalogue, { prompt: "a cat", model: model.id, quality, size });
    const terms = termsOf(resolved.model, resolved.parameters, resolved.upstream.parameters);
    const worst = worstCaseOf(terms, resolved);
    expect(worst.missing).toEqual([]);

    // The bill of an image with as many tokens as there can be, whatever quality the upstream settled on.
    const settled = quality === "auto" ? model.parameters.quality?.values.filter((each) => each !== "auto") : [quality];
    for (const reportedQuality of settled ?? []) {
      const count = mostOutputTokens(model, { quality: reportedQuality, size }) ?? 0;
      const bill = priceOf(terms, { images: [{ size, reportedQuality }], usage: usageOf(count) });
      expect(bill.missing).toEqual([]);
      expect(bill.costMicros).toBeGreaterThan(0);
      expect(bill.costMicros).toBeLessThanOrEqual(worst.micros ?? 0);
      const one = priceOfOneImage(model, reportedQuality ?? "any", size);
      expect(one?.micros).toBeLessThanOrEqual(bill.costMicros ?? 0);
    }
  }
});

/** With as many tokens of text as are reckoned for a prompt of five bytes. */
const usageOf = (output: number) => ({
  prompt_tokens: 261,
  input_tokens: 261,
  output_tokens: output,
  total_tokens: 261 + output,
  input_tokens_details: { text_tokens: 261, image_tokens: 0 },
  output_tokens_details: { text_tokens: 0, image_tokens: output },
});

test.each(models)("$id with nothing but a prompt has a worst case", ({ id }) => {
  const resolved = resolveRequest(catalogue, { prompt: "a cat", model: id });
  const terms = termsOf(resolved.model, resolved.parameters, resolved.upstream.parameters);
  const worst = worstCaseOf(terms, resolved);
  expect(worst.missing).toEqual([]);
  // A dollar is more than any vendor takes for one image: a bound above it would be no use to a budget.
  expect(worst.micros).toBeGreaterThan(0);
  expect(worst.micros).toBeLessThan(1_000_000);
});

test.each(models)("every size tier of $id has a worst case", ({ id, sizes: { tiers } }) => {
  for (const size of Object.keys(tiers)) {
    const resolved = resolveRequest(catalogue, { prompt: "a cat", model: id, size });
    expect(worstCaseOf(termsOf(resolved.model, resolved.parameters), resolved).missing).toEqual([]);
  }
});

describe("published numbers", () => {
  // In dollars, as the vendors publish them: OpenAI's tables round to thousandths.
  test.each([
    ["dall-e-2", "standard", "256x256", 0.016],
    ["dall-e-2", "standard", "512x512", 0.018],
    ["dall-e-2", "standard", "1024x1024", 0.02],
    ["dall-e-3", "standard", "1024x1024", 0.04],
    ["dall-e-3", "standard", "1792x1024", 0.08],
    ["dall-e-3", "hd", "1024x1024", 0.08],
    ["dall-e-3", "hd", "1024x1792", 0.12],
    ["gpt-image-1", "low", "1024x1024", 0.02],
    ["gpt-image-1", "medium", "1024x1024", 0.04],
    ["gpt-image-1", "high", "1024x1024", 0.08],
    ["gpt-image-1-mini", "low", "1024x1024", 0.005],
    ["gpt-image-1-mini", "low", "1536x1024", 0.006],
    ["gpt-image-1-mini", "medium", "1024x1024", 0.011],
    ["gpt-image-1-mini", "medium", "1024x1536", 0.015],
    ["gpt-image-1-mini", "high", "1024x1024", 0.036],
    ["gpt-image-1-mini", "high", "1536x1024", 0.052],
    ["gpt-image-1.5", "low", "1024x1024", 0.009],
    ["gpt-image-1.5", "low", "1536x1024", 0.013],
    ["gpt-image-1.5", "medium", "1024x1024", 0.034],
    ["gpt-image-1.5", "medium", "1024x1536", 0.051],
    ["gpt-image-1.5", "high", "1024x1024", 0.133],
    ["gpt-image-1.5", "high", "1024x1536", 0.2],
    ["gpt-image-2", "low", "1024x1024", 0.006],
    ["gpt-image-2", "low", "1024x1536", 0.005],
    ["gpt-image-2", "medium", "1024x1024", 0.053],
    ["gpt-image-2", "medium", "1024x1536", 0.041],
    ["gpt-image-2", "high", "1024x1024", 0.211],
    ["gpt-image-2", "high", "1024x1536", 0.165],
    ["gpt-image-2.5-flare", "xhigh", "1024x1024", 0.094],
    ["gpt-image-2.5-sunburst", "max", "1024x1024", 0.211],
    ["doubao-seedream-3-0-t2i", "any", "1024x1024", 0.03],
    ["doubao-seedream-4-0", "any", "4096x4096", 0.03],
    ["doubao-seedream-4-5", "any", "2048x2048", 0.04],
    ["doubao-seedream-5-0-lite", "any", "2048x2048", 0.035],
    ["doubao-seedream-5-0-pro", "any", "1024x1024", 0.045],
    ["doubao-seedream-5-0-pro", "any", "2048x2048", 0.09],
    ["doubao-seedream-5-5", "any", "1600x1600", 0.02],
    ["doubao-seedream-5-5", "any", "2048x2048", 0.035],
  ])("%s at %s and %s costs $%d", (id, quality, size, dollars) => {
    const micros = priceOfOneImage(modelOf(id), quality, size)?.micros ?? Number.NaN;
    expect(Math.round(micros / 1000) / 1000).toBe(dollars);
  });

  test.each([
    ["gpt-image-2", { low: 196, medium: 1756, high: 7024 }],
    ["gpt-image-2.5-flare", { low: 196, medium: 439, high: 1756, xhigh: 3122, max: 7024 }],
    ["gpt-image-1.5", { low: 272, medium: 1056, high: 4160 }],
  ])("%s counts the measured tokens at 1024x1024", (id, counts) => {
    for (const [quality, count] of Object.entries(counts)) {
      expect(mostOutputTokens(modelOf(id), { quality, size: "1024x1024" })).toBe(count);
    }
  });
});
