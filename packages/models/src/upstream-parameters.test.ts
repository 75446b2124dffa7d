import { expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { upstreamParameters } from "./upstream-parameters.ts";

const model = loadCatalogue().defaultModel;
const mapped = {
  ...model,
  upstream: {
    model: "gpt-image-2",
    parameters: { quality: { standard: "medium", hd: "high" }, style: "omit", watermark: "omit" },
  },
} as const;
const asked = { prompt: "a cat", n: 1, size: "1792x1024", quality: "hd", style: "vivid", seed: 7 };

test("parameters go upstream as they are, unless something else is configured", () => {
  expect(upstreamParameters(model, asked)).toEqual(asked);
});

test("a value is translated, one without a translation kept, and what the upstream does not know left out", () => {
  expect(upstreamParameters(mapped, asked)).toEqual({
    prompt: "a cat",
    n: 1,
    size: "1792x1024",
    quality: "high",
    seed: 7,
  });
  expect(upstreamParameters(mapped, { ...asked, quality: "auto" }).quality).toBe("auto");
  expect(upstreamParameters(mapped, { prompt: "a cat" })).toEqual({ prompt: "a cat" });
});

test("silence is translated as auto, where that is", () => {
  const settled = { ...model, upstream: { model: "m", parameters: { quality: { auto: "medium" }, style: {} } } };
  expect(upstreamParameters(settled, { prompt: "a cat" })).toEqual({ prompt: "a cat", quality: "medium" });
});

test("the caller's own parameters stay untouched", () => {
  const before = structuredClone(asked);
  upstreamParameters(mapped, asked);
  expect(asked).toEqual(before);
});
