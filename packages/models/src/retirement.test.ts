import { imageParametersSchema, imageRequestSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { CatalogueError } from "./mistake.ts";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { load } from "./operators-file.fixture.ts";
import { priceOf } from "./price-of.ts";
import { resolveRequest } from "./resolve-request.ts";
import { termsOf } from "./terms.ts";
import { worstCaseOf } from "./worst-case-of.ts";

const at = (day: string) => () => Date.parse(`${day}T00:00:00Z`);
/** After the last day of every built-in model that has one. */
const late = at("2027-01-01");

type Options = { retired?: "pass" | "successor"; now?: () => number };
const drawing = (options: Options, text = "") => {
  const catalogue = load(text, { now: late, ...options });
  return (request: object) => resolveRequest(catalogue, imageRequestSchema.parse({ prompt: "a cat", ...request }));
};

describe("a model that its maker has switched off", () => {
  test("is asked for all the same, and the record knows since when and what is named in its place", () => {
    expect(drawing({ retired: "pass" })({ model: "dall-e-3", style: "natural" }).upstream).toEqual({
      model: "dall-e-3",
      parameters: { prompt: "a cat", n: 1, size: "1024x1024", quality: "standard", style: "natural" },
      retired: { since: "2026-05-12", successor: "gpt-image-2.5-flare" },
    });
  });

  test("is retired from the first moment of its day, in a process that was started before", () => {
    let time = at("2026-12-01")() - 1;
    const resolve = drawing({ retired: "successor", now: () => time });
    const request = { model: "gpt-image-1.5-2025-12-16", size: "1024x1024" };
    expect(resolve(request).upstream).toMatchObject({ model: "gpt-image-1.5-2025-12-16" });
    time += 1;
    expect(resolve(request).upstream).toMatchObject({ model: "gpt-image-2.6-flare", successor: "gpt-image-2.6-flare" });
  });

  test.each(["gpt-image-2", "gpt-image-2.6-flare", "doubao-seedream-4-5"])("%s is none", (model) => {
    for (const retired of ["pass", "successor"] as const) {
      const { upstream } = drawing({ retired })({ model });
      expect(upstream).not.toHaveProperty("retired");
      expect(upstream).not.toHaveProperty("successor");
    }
  });
});

describe("drawn by its successor", () => {
  const resolve = drawing({ retired: "successor" });

  test.each([
    [
      { model: "dall-e-3", quality: "hd", style: "vivid", size: "1792x1024" },
      { model: "gpt-image-2.5-flare", parameters: { quality: "high", size: "1536x1024" } },
    ],
    [{ model: "dall-e-3", size: "1024x1792" }, { parameters: { quality: "medium", size: "1024x1536" } }],
    [{ model: "dall-e-2", size: "256x256" }, { parameters: { quality: "medium", size: "1024x1024" } }],
    [{ model: "gpt-image-1" }, { parameters: { quality: "high", size: "1024x1024", background: "auto" } }],
    [
      { model: "gpt-image-1", quality: "low", size: "1536x1024" },
      { parameters: { quality: "low", size: "1536x1024" } },
    ],
    [
      { model: "chatgpt-image-latest", quality: "high" },
      { model: "gpt-image-2.6-flare", parameters: { size: "auto" } },
    ],
  ])("%j is put in its words", (request, upstream) => {
    const resolved = resolve(request);
    expect(resolved.upstream).toMatchObject(upstream);
    expect(resolved.upstream.parameters).not.toHaveProperty("style");
    expect(resolved.upstream.successor).toBe(resolved.upstream.model);
    expect(resolved.model).toMatchObject({ id: request.model, provider: "openai" });
    const { model: _model, ...asked } = request;
    expect(resolved.parameters).toMatchObject(asked);
  });

  const catalogue = loadCatalogue({ retired: "successor", now: late });
  const replaced = catalogue.models.filter(({ upstream }) => upstream.successor !== undefined);

  test("all of them are, and none lacks a price", () => {
    const ids = ["dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"];
    expect(replaced.map(({ id }) => id)).toEqual(ids);
    expect(missingPrices(catalogue)).toEqual({});
  });

  test.each(replaced)("whatever $id took is taken by its successor, at a price and within a worst case", (model) => {
    const { parameters } = model;
    const qualities = [undefined, ...(parameters.quality?.values ?? [])];
    const styles = [undefined, ...(parameters.style?.values ?? [])];
    const formats = [undefined, ...(parameters.output_format?.values ?? [])];
    for (const size of [undefined, ...model.sizes.values]) {
      for (const quality of qualities) {
        for (const style of styles) {
          for (const output_format of formats) {
            const request = { model: model.id, size, quality, style, output_format, n: model.maxImages };
            const { upstream, ...resolved } = resolve(request);
            const { prompt: _prompt, ...sent } = imageParametersSchema.parse(
              JSON.parse(JSON.stringify(upstream.parameters)),
            );
            expect(resolve({ ...sent, model: upstream.model }).parameters).toMatchObject(sent);

            const terms = termsOf(resolved.model, resolved.parameters, upstream.parameters);
            const worst = worstCaseOf(terms, { ...resolved, upstream });
            expect(worst.missing).toEqual([]);
            const usage = {
              prompt_tokens: 10,
              input_tokens: 10,
              output_tokens: 196,
              total_tokens: 206,
              input_tokens_details: { text_tokens: 10, image_tokens: 0 },
            };
            const drawn = sent.size === "auto" ? "1254x1254" : (sent.size ?? "");
            const bill = priceOf(terms, { images: [{ size: drawn, reportedQuality: "xhigh" }], usage });
            expect(bill.missing).toEqual([]);
            expect(bill.costMicros).toBeLessThanOrEqual(worst.micros ?? 0);
          }
        }
      }
    }
  });

  test("a size that was mapped is billed as it was asked for", () => {
    const { upstream, model, parameters } = resolve({ model: "dall-e-3", quality: "hd", size: "1792x1024" });
    const terms = termsOf(model, parameters, upstream.parameters);
    expect(priceOf(terms, { images: [{ size: "1536x1024" }] }).costMicros).toBe(120_000);
  });

  test("a model whose maker bills by token is billed at its successor's prices", () => {
    const { model, parameters } = resolve({ model: "gpt-image-1-mini" });
    expect(termsOf(model, parameters).prices.per1kTokensMicros).toMatchObject({ imageOutput: 30_000 });
  });
});

describe("an operator's file", () => {
  test("that names another model for it stands above the setting", () => {
    const file = "models: { dall-e-3: { upstream: { model: gpt-image-2, parameters: { style: omit } } } }";
    for (const retired of ["pass", "successor"] as const) {
      const { upstream } = drawing({ retired }, file)({ model: "dall-e-3" });
      expect(upstream).toEqual({
        model: "gpt-image-2",
        parameters: { prompt: "a cat", n: 1, size: "1024x1024", quality: "standard" },
      });
    }
  });

  test("may change the words of the successor's own upstream, which are put after those of the table", () => {
    const upstream =
      "{ model: our-flare, parameters: { quality: { high: best, medium: fair }, size: omit, background: omit } }";
    const resolve = drawing({ retired: "successor" }, `models: { gpt-image-2.5-flare: { upstream: ${upstream} } }`);
    expect(resolve({ model: "dall-e-3", quality: "hd" }).upstream).toEqual({
      model: "our-flare",
      parameters: { prompt: "a cat", n: 1, quality: "best" },
      successor: "gpt-image-2.5-flare",
    });
    expect(resolve({ model: "dall-e-2" }).upstream.parameters).toMatchObject({ quality: "fair" });
    expect(resolve({ model: "gpt-image-1", quality: "medium" }).upstream.parameters).not.toHaveProperty("background");
  });

  test("may name a chain of successors, which ends with the one that is sold", () => {
    const own =
      "provider: openai, maxImages: 1, sizes: { values: [1024x1024] }, parameters: { quality: { values: [fine] } }";
    const file = `models:
  eldest: { ${own}, sunset: 2026-01-01, successor: { model: elder, parameters: { quality: { fine: hd } } } }
  elder: { ${own.replace("fine", "hd")}, sunset: 2026-02-01, successor: { model: gpt-image-2, parameters: { quality: { hd: high } } } }`;
    expect(drawing({ retired: "successor" }, file)({ model: "eldest", quality: "fine" }).upstream).toMatchObject({
      model: "gpt-image-2",
      parameters: { quality: "high" },
      successor: "gpt-image-2",
    });
  });

  test("with successors that go round is refused", () => {
    const successors =
      "models: { gpt-image-1: { successor: { model: dall-e-3 } }, dall-e-3: { successor: { model: gpt-image-1 } } }";
    expect(() => load(successors)).toThrow(CatalogueError);
    expect(() => load(successors)).toThrow(
      "models.gpt-image-1.successor.model: the successors go round: gpt-image-1, dall-e-3, gpt-image-1",
    );
    expect(() => load("models: { dall-e-3: { successor: { model: dall-e-3 } } }")).toThrow(
      "the successors go round: dall-e-3, dall-e-3",
    );
  });
});
