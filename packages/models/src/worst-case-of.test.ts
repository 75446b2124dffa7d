import * as fc from "fast-check";
import type { ImageRequest } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { modelSchema } from "./model-schema.ts";
import { type Delivered, priceOf } from "./price-of.ts";
import type { Prices } from "./price-schema.ts";
import { resolveRequest } from "./resolve-request.ts";
import { type Terms, termsOf } from "./terms.ts";
import { type Asked, worstCaseOf } from "./worst-case-of.ts";

const catalogue = loadCatalogue();
function worst(request: Partial<ImageRequest>, partials = 0) {
  const resolved = resolveRequest(catalogue, { prompt: "a cat", ...request });
  return worstCaseOf(termsOf(resolved.model, resolved.parameters), resolved, partials);
}

type Setting = {
  prices: Prices;
  sizes?: Asked["model"]["sizes"];
  size?: string;
  qualities?: string[];
  quality?: string;
};
/** Two images of a prompt of three bytes. */
function worstOf(
  { prices, sizes, size, qualities, quality }: Setting & { maxOutputTokensPerImage?: number },
  partials = 0,
) {
  const parameters = qualities && { quality: { values: qualities } };
  const entry = { provider: "p", maxImages: 2, sizes: { values: ["1x1"] }, parameters };
  const model = { ...modelSchema.parse(entry), ...(sizes && { sizes }) };
  const asked = { model, parameters: { n: 2, prompt: "abc" }, upstream: { parameters: { size } } };
  return worstCaseOf(termsOf({ ...model, id: "m", prices }, { quality }), asked, partials);
}

describe("the most that a request can cost, by the built-in prices", () => {
  test.each([
    [{ model: "dall-e-2", n: 10, size: "256x256" }, 160_000],
    [{ model: "dall-e-2", n: 10 }, 200_000],
    [{ model: "dall-e-3" }, 40_000],
    [{ model: "dall-e-3", quality: "hd" }, 80_000],
    [{ model: "dall-e-3", quality: "auto" }, 80_000],
    // Beside the image: five bytes of prompt at $0.002 and the margin of 256 tokens at $0.010 the thousand, for each image.
    [{ model: "gpt-image-1", size: "1024x1024" }, 80_000 + 2570],
    [{ model: "gpt-image-1", size: "1024x1024", quality: "low", n: 3 }, 3 * (20_000 + 2570)],
    [{ model: "gpt-image-1", size: "1024x1024", quality: "low", prompt: "猫" }, 20_000 + 2566],
    // By token: five bytes of prompt at $5 and the margin of 256 tokens at $8 the million, and OpenAI's calculator at $30.
    [{ model: "gpt-image-2", size: "1024x1024", quality: "high" }, 7_024 * 30 + 25 + 2_048],
    [{ model: "gpt-image-2.5-flare", size: "1536x1024", quality: "xhigh" }, 2_459 * 30 + 25 + 2_048],
    [{ model: "gpt-image-2.6-flare", size: "1024x1024", quality: "low" }, 1_756 * 30 + 25 + 2_048],
    // A GIF is charged as the sheet that its frames are drawn on: 9 frames of 960x960 are 2880x2880.
    [{ model: "gpt-image-2.6-flare", output_format: "gif", size: "960x960", quality: "high" }, 5_930 * 30 + 25 + 2_048],
    [{ model: "gpt-image-2.6-flare", output_format: "gif", quality: "high" }, 5_930 * 30 + 25 + 2_048],
    // The author of an SVG may read 272,000 tokens at $0.10 and write 128,000 at $0.50 the million.
    [
      {
        model: "gpt-image-2.6-flare",
        output_format: "svg",
        svg: { model: "gpt-6-luna" },
        size: "1024x1024",
        quality: "low",
      },
      1_756 * 30 + 25 + 2_048 + 27_200 + 64_000,
    ],
    // A series of images may have as many as the request allows, or fifteen.
    [{ model: "doubao-seedream-4-5", sequential_image_generation: "auto" }, 15 * 40_000],
    [
      {
        model: "doubao-seedream-4-5",
        sequential_image_generation: "auto",
        sequential_image_generation_options: { max_images: 4 },
      },
      4 * 40_000,
    ],
    [{ model: "doubao-seedream-5-5", size: "1K" }, 20_000],
    [{ model: "doubao-seedream-5-5", size: "2K" }, 35_000],
    [{ model: "doubao-seedream-5-5", size: "2048x2048" }, 35_000],
  ])("%j: %i micros", (request, micros) => {
    expect(worst(request)).toEqual({ micros, missing: [] });
  });

  test.each([
    [
      { model: "gpt-image-2.6-flare", output_format: "svg", svg: { model: "gpt-9" } },
      ["the tokens of 'gpt-9', the author of an SVG of 'gpt-image-2.6-flare'"],
    ],
    [
      { model: "gpt-image-2.6-flare", output_format: "svg" },
      ["the author of an SVG of 'gpt-image-2.6-flare', who is not named"],
    ],
  ])("%j: unknown, with what is missing", (request, missing) => {
    expect(worst(request)).toEqual({ micros: null, missing });
  });
});

describe("a size that the upstream chooses", () => {
  const rule = { maxLongSide: 9 };
  const perImageMicros = { any: { "1x1": 1, "2x2": 5 } };

  test("is the dearest that the model lists", () => {
    expect(
      worstOf({ prices: { perImageMicros }, sizes: { values: ["auto", "1x1", "2x2"] }, size: "auto" }).micros,
    ).toBe(10);
  });

  test("is unknown where a rule allows any, unless any is priced", () => {
    const sizes = { values: ["auto"], rule };
    expect(worstOf({ prices: { perImageMicros }, sizes, size: "auto" })).toEqual({
      micros: null,
      missing: ["an image of 'm' at any other quality and any other size"],
    });
    const prices = { perImageMicros: { any: { ...perImageMicros.any, any: 2 } } };
    expect(worstOf({ prices, sizes, size: "auto" }).micros).toBe(10);
    expect(worstOf({ prices, sizes, size: "3x3" }).micros).toBe(4);
  });
});

describe("output that is priced by token", () => {
  const prices = { per1kTokensMicros: { textInput: 0, imageOutput: 2000 } };

  test("is unknown where the most that an image can count is unknown", () => {
    expect(worstOf({ prices })).toEqual({
      micros: null,
      missing: ["output tokens of 'm', of which an image can have any number"],
    });
    expect(worstOf({ prices: { per1kTokensMicros: { textInput: 0, imageOutput: 0 } } }).micros).toBe(0);
  });

  test("is unknown without a price for the images themselves", () => {
    expect(worstOf({ prices: { per1kTokensMicros: { textInput: 1 } } }).missing).toEqual(["imageOutput tokens of 'm'"]);
  });

  test("counts the most tokens of each image, and a hundred for each partial one", () => {
    const asked = resolveRequest(catalogue, { model: "gpt-image-1", prompt: "abc", n: 2 });
    const terms: Terms = { model: "m", quality: "auto", prices };
    expect(worstCaseOf(terms, asked).micros).toBe(2 * 6240 * 2);
    expect(worstCaseOf(terms, asked, 3).micros).toBe(2 * (6240 + 300) * 2);
  });
});

test("no bill is above the worst case, whatever the prices and whatever is delivered", () => {
  let known = 0;
  let billed = 0;
  fc.assert(
    fc.property(cases, ({ terms, asked, partialImages, deliveries }) => {
      const { micros, missing } = worstCaseOf(terms, asked, partialImages);
      expect(missing.length === 0).toBe(micros !== null);
      if (micros === null) return;
      expect(micros).toSatisfy(Number.isSafeInteger);
      known++;
      for (const delivered of deliveries) {
        const { costMicros } = priceOf(terms, delivered);
        if (costMicros === null) continue;
        billed++;
        expect(costMicros).toBeLessThanOrEqual(micros);
      }
    }),
    { numRuns: 3000 },
  );
  // A property that never came to its comparison would prove nothing.
  expect(known).toBeGreaterThan(300);
  expect(billed).toBeGreaterThan(1000);
});

const micros = fc.integer({ min: 0, max: 1_000_000_000 });
const someSizes = ["1x1", "2x3", "4x4"];
const someQualities = ["low", "high"];

const randomPrices: fc.Arbitrary<Prices> = fc.record(
  {
    perImageMicros: fc.dictionary(
      fc.constantFrom(...someQualities, "any"),
      fc.dictionary(fc.constantFrom(...someSizes, "<=5", "<=20", "any"), micros),
    ),
    per1kTokensMicros: fc.record(
      {
        textInput: micros,
        cachedTextInput: micros,
        imageInput: micros,
        cachedImageInput: micros,
        textOutput: micros,
        imageOutput: micros,
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

/** A request, and deliveries as an honest upstream could make them of it. */
const cases = fc
  .record({
    prices: randomPrices,
    quality: fc.constantFrom("auto", ...someQualities, undefined),
    size: fc.constantFrom("auto", ...someSizes, undefined),
    listed: fc.subarray(["auto", ...someSizes], { minLength: 1 }),
    byRule: fc.boolean(),
    qualities: fc.constantFrom<string[] | undefined>(["auto", ...someQualities], ["auto", "low"], undefined),
    maxOutputTokensPerImage: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: undefined }),
    n: fc.integer({ min: 1, max: 10 }),
    prompt: fc.string({ unit: "grapheme", minLength: 1, maxLength: 50 }),
    partialImages: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ prices, quality, size, listed, byRule, qualities, maxOutputTokensPerImage, n, prompt, partialImages }) => {
    const model = {
      id: "m",
      prices,
      sizes: { values: listed, rule: byRule ? { maxLongSide: 9 } : undefined },
      parameters: qualities === undefined ? {} : { quality: { values: qualities } },
      maxOutputTokensPerImage,
    };
    const asked: Asked = { model, parameters: { n, prompt }, upstream: { parameters: { size } } };
    const open = byRule || !listed.some((each) => each !== "auto");
    const chosen = [...listed.filter((each) => each !== "auto"), ...(open ? [...someSizes, "7x7"] : [])];
    const possible = size === undefined || size === "auto" ? chosen : [size];

    const split = (most: number) => fc.integer({ min: 0, max: most });
    const delivered: fc.Arbitrary<Delivered> = fc.integer({ min: 1, max: n }).chain((count) => {
      const outputMost = count * ((maxOutputTokensPerImage ?? 10_000) + 100 * partialImages);
      return fc
        .record({
          images: fc.array(
            fc.record({
              size: fc.constantFrom(...possible),
              reportedQuality: fc.constantFrom(...someQualities, "ultra", undefined),
            }),
            { minLength: count, maxLength: count },
          ),
          text: split(n * Buffer.byteLength(prompt)),
          margin: split(n * 256),
          imageShare: fc.constantFrom(0, 0.5, 1),
          output: fc.oneof(split(outputMost), fc.constant(outputMost)),
          outputShare: fc.constantFrom(undefined, 0, 0.5, 1),
          cachedShare: fc.constantFrom(undefined, 0, 0.5, 1),
        })
        .map(({ images, text, margin, imageShare, output, outputShare, cachedShare }) => {
          const imageInput = Math.floor(margin * imageShare);
          const textInput = text + margin - imageInput;
          const textOutput = outputShare === undefined ? 0 : Math.floor(output * outputShare);
          const input = textInput + imageInput;
          const usage = {
            prompt_tokens: input,
            input_tokens: input,
            output_tokens: output,
            total_tokens: input + output,
            input_tokens_details: {
              text_tokens: textInput,
              image_tokens: imageInput,
              ...(cachedShare !== undefined && {
                cached_tokens_details: {
                  text_tokens: Math.floor(textInput * cachedShare),
                  image_tokens: Math.floor(imageInput * cachedShare),
                },
              }),
            },
            ...(outputShare !== undefined && {
              output_tokens_details: { text_tokens: textOutput, image_tokens: output - textOutput },
            }),
          };
          return { images, usage };
        });
    });
    return fc
      .array(delivered, { minLength: 3, maxLength: 3 })
      .map((deliveries) => ({ terms: termsOf(model, { quality }), asked, partialImages, deliveries }));
  });
