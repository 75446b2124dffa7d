import { expect, test } from "vitest";
import { estimateCost } from "../../batch/estimate-cost.ts";
import type { LineGroup } from "../../batch/look-at-lines.ts";
import { servedModelSchema, type ServedModel } from "../../service/served-model.ts";
import { stubModels } from "../../stubs/stub-models.ts";
import { estimateWords } from "./say-estimate.ts";

const models = stubModels.data.map((model) => servedModelSchema.parse(model));

/** The estimate in words for groups of three lines, if nothing else is said. */
function words(id: string, groups: Partial<LineGroup>[], over: Partial<ServedModel> = {}) {
  const model = models.find((each) => each.id === id);
  if (model === undefined) throw new Error(`no stub of ${id}`);
  const all = groups.map((group) => ({ model: id, n: 1, lines: 3, promptBytes: 30, ...group }));
  const lines = all.reduce((sum, group) => sum + group.lines, 0);
  return estimateWords(estimateCost(all, { ...model, ...over }), lines);
}
const noTokens = {
  text_input: null,
  cached_text_input: null,
  image_input: null,
  cached_image_input: null,
  text_output: null,
  image_output: null,
};
const noPrices = { per_image_micros: null, per_1k_tokens_micros: null, svg_authors_per_1k_tokens_micros: null };
const chosen = "by the size and quality that the model chooses.";

test.each([
  ["dall-e-3", [{}], "Cost: at most $0.12."],
  ["dall-e-3", [{ n: 2 }, { n: 1 }], "Cost: at most $0.36."],
  ["gpt-image-1", [{}], `Cost: from $0.03 to $0.36, ${chosen}`],
  ["gpt-image-1", [{ quality: "auto", size: "auto" }], `Cost: from $0.03 to $0.36, ${chosen}`],
  ["gpt-image-1", [{ quality: "low" }], `Cost: from $0.03 to $0.06, ${chosen}`],
  ["gpt-image-1", [{ quality: "high", size: "1024x1024" }], "Cost: at most $0.24."],
  ["gpt-image-2", [{}], "Cost: unknown. There is no price for an image of 'gpt-image-2'."],
  [
    "gpt-image-1",
    [
      { quality: "high", size: "1024x1024" },
      { quality: "low", size: "9x9", lines: 2 },
    ],
    "Cost: unknown for 2 of 5 lines, for the others at most $0.24. There is no price for an image of 'gpt-image-1' at quality 'low' and size 9x9.",
  ],
])("%s %j: %s", (model, groups, expected) => {
  expect(words(model, groups)).toBe(expected);
});

test("tokens of the prompt are counted by its bytes, as the service reserves money for them", () => {
  const tokens = { ...noTokens, text_input: 5_000 };
  const prices = { ...noPrices, per_image_micros: { any: { any: 40_000 } }, per_1k_tokens_micros: tokens };
  // Three lines, each with 256 tokens beside the prompt; and the thirty bytes of all prompts.
  expect(words("dall-e-3", [{}], { prices })).toBe("Cost: at most $0.12399.");
});

test("tokens of the image are counted where the service says how many there can be, else unknown", () => {
  const prices = { ...noPrices, per_1k_tokens_micros: { ...noTokens, text_input: 0, image_output: 30_000 } };
  expect(words("dall-e-3", [{}], { prices })).toContain("Cost: unknown. There is no price for output tokens");
  const { limits } = servedModelSchema.parse(stubModels.data[0]);
  expect(words("dall-e-3", [{}], { prices, limits: { ...limits, output_tokens_per_image: 1_000 } })).toBe(
    "Cost: at most $0.09.",
  );
});

test("tokens of the image are counted by quality and size, as a model with OpenAI's calculator counts them", () => {
  const prices = { ...noPrices, per_1k_tokens_micros: { ...noTokens, text_input: 0, image_output: 30_000 } };
  const { limits } = servedModelSchema.parse(stubModels.data[1]);
  const output_tokens = { by_size: null, patches: { low: 16, high: 48 }, auto_pixels: 1_048_576 };
  const over = { prices, limits: { ...limits, output_tokens } };
  // Three lines of 196 and of 1,756 tokens, at $30 the million.
  expect(words("gpt-image-1", [{ quality: "low", size: "1024x1024" }], over)).toBe("Cost: at most $0.01764.");
  expect(words("gpt-image-1", [{ quality: "high", size: "1024x1024" }], over)).toBe("Cost: at most $0.15804.");
  const gif = { output_format: "gif", quality: "high", size: "960x960" };
  expect(
    words("gpt-image-1", [gif], { ...over, limits: { ...over.limits, gif: { usual_frames: 9, sheets: [9] } } }),
  ).toBe("Cost: at most $0.5337.");
});
