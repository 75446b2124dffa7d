import { imageRequestSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { missingPrices } from "./missing-prices.ts";
import { load, mistakesIn } from "./operators-file.fixture.ts";
import { resolveRequest } from "./resolve-request.ts";
import { termsOf } from "./terms.ts";
import { worstCaseOf } from "./worst-case-of.ts";

const request = imageRequestSchema.parse({
  prompt: "a cat",
  model: "gpt-image-3",
  size: "2448x3264",
  quality: "max",
  complexity: "high",
});

describe("a model that is like another", () => {
  const catalogue = load("models: { gpt-image-3: { like: gpt-image-2.6-flare } }");

  test("takes what that one takes, and is asked for by its own name", () => {
    const { model, upstream } = resolveRequest(catalogue, request);
    expect(model).toMatchObject({
      id: "gpt-image-3",
      provider: "openai",
      family: "gpt-image",
      aliases: [],
      snapshots: [],
    });
    expect(upstream).toMatchObject({ model: "gpt-image-3", parameters: { size: "2448x3264", complexity: "high" } });
    expect(() => resolveRequest(catalogue, { ...request, size: "256x256" })).toThrow("'gpt-image-3' takes 'auto', or");
  });

  test("has no price until one is stated, and the start tells", () => {
    expect(missingPrices(catalogue)).toEqual({ "gpt-image-3": ["none at all"] });
    const { model, parameters, ...rest } = resolveRequest(catalogue, request);
    expect(worstCaseOf(termsOf(model, parameters), { model, parameters, ...rest }).micros).toBeNull();

    const priced = load(
      "models: { gpt-image-3: { like: gpt-image-2.6-flare, prices: { per1kTokensMicros: { textInput: 5000, imageOutput: 30000 } } } }",
    );
    const resolved = resolveRequest(priced, request);
    const { micros } = worstCaseOf(termsOf(resolved.model, resolved.parameters), resolved);
    expect(micros).toBeGreaterThan(0);
  });

  test("has no days and no successor of that one's", () => {
    const model = load("models: { dall-e-4: { like: dall-e-3 } }").find("dall-e-4");
    expect(model).toMatchObject({ maxImages: 1, promptLimit: 4_000 });
    for (const key of ["sunset", "released", "successor"]) expect(model).not.toHaveProperty(key);
  });

  test("says itself what differs, and takes away with null", () => {
    const text = `models:
  wide: { like: gpt-image-2, promptLimit: null, aliases: [broad], sizes: { rule: { maxRatio: 4 } }, parameters: { moderation: null } }`;
    const { sizes, promptLimit, parameters } = load(text).find("broad") ?? {};
    expect(sizes?.rule).toMatchObject({ maxRatio: 4, maxPixels: 8_294_400 });
    expect(promptLimit).toBeUndefined();
    expect(parameters).not.toHaveProperty("moderation");
    expect(parameters).toHaveProperty("background");
  });

  test("may be like one that is like a third, by an alias, and before it in the file", () => {
    const text = `models:
  c: { like: second }
  b: { like: gpt-image-2-2026-04-21, maxImages: 2, aliases: [second] }`;
    expect(load(text).find("c")).toMatchObject({ id: "c", maxImages: 2, aliases: [], family: "gpt-image" });
  });

  test.each([
    ["models: { m: { like: gpt-9 } }", 'models.yaml:1:22: models.m.like: expected a model or an alias, got "gpt-9"'],
    ["models: { m: { like: 3 } }", "models.yaml:1:22: models.m.like: expected a model or an alias, got 3"],
    ["models: { m: { like: m } }", "models.yaml:1:22: models.m.like: the models go round: m, m"],
    ["models: { m: { like: gpt-image-2, colour: red } }", "models.yaml:1:35: models.m.colour: unknown key"],
  ])("a mistake is told: %s", (text, told) => {
    expect(mistakesIn(text)).toEqual([told]);
  });

  test("models that go round are told each, and so is one that leads there", () => {
    expect(mistakesIn("models:\n  a: { like: b }\n  b: { like: a }\n  c: { like: a }")).toEqual([
      "models.yaml:2:14: models.a.like: the models go round: a, b, a",
      "models.yaml:3:14: models.b.like: the models go round: b, a, b",
      "models.yaml:4:14: models.c.like: the models go round: c, a, b, a",
    ]);
  });
});

describe("an undescribed model", () => {
  test("is refused", () => {
    expect(() => resolveRequest(loadCatalogue(), request)).toThrow("'gpt-image-3' is not served here");
  });

  test("is served like another where the operator says so", () => {
    const catalogue = loadCatalogue({ unknownLike: "gpt-image-2.6-flare" });
    const { model, requestedModel, upstream, parameters } = resolveRequest(catalogue, request);
    expect([model.id, requestedModel, upstream.model]).toEqual(["gpt-image-3", "gpt-image-3", "gpt-image-3"]);
    expect(termsOf(model, parameters)).toMatchObject({ model: "gpt-image-3", prices: {} });
    expect(catalogue.find("gpt-image-2")?.prices).not.toEqual({});
    expect(catalogue.models.map(({ id }) => id)).not.toContain("gpt-image-3");
  });

  test.each(["", " ", "__proto__", "a b", "x".repeat(129), "-x"])(
    "is refused all the same where it is no name: %j",
    (name) => {
      expect(loadCatalogue({ unknownLike: "gpt-image-2" }).find(name)).toBeUndefined();
    },
  );

  test("is like one that there is", () => {
    expect(() => loadCatalogue({ unknownLike: "gpt-9" })).toThrow(
      "UNKNOWN_MODELS: expected like:<model>, of a model or an alias, got 'like:gpt-9'",
    );
  });
});
