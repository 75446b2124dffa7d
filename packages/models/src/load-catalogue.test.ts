import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Catalogue } from "./catalogue.ts";
import { loadCatalogue } from "./load-catalogue.ts";
import { load, mistakesIn } from "./operators-file.fixture.ts";
import { priceOf } from "./price-of.ts";
import { resolveRequest } from "./resolve-request.ts";
import { termsOf } from "./terms.ts";

const othersThan = (id: string, { models }: Catalogue) => models.filter((model) => model.id !== id);

const documentation = readFileSync(new URL("../../../docs/models.md", import.meta.url), "utf8");

describe("an operator's file", () => {
  test.each(["", "# nothing yet\n", "{}", "models: {}"])("may say nothing (%j)", (text) => {
    expect(load(text).models).toEqual(loadCatalogue().models);
  });

  test("changes what it names and nothing else", () => {
    const changed = load("models: { dall-e-3: { prices: { perImageMicros: { hd: { 1792x1024: 110000 } } } } }");
    expect(changed.find("dall-e-3")?.prices.perImageMicros).toEqual({
      standard: { "1024x1024": 40_000, "1792x1024": 80_000, "1024x1792": 80_000 },
      hd: { "1024x1024": 80_000, "1792x1024": 110_000, "1024x1792": 120_000 },
    });
    expect(othersThan("dall-e-3", changed)).toEqual(othersThan("dall-e-3", loadCatalogue()));
  });

  test("may be JSON", () => {
    expect(load('{"defaultModel": "dall-e-3"}').defaultModel.id).toBe("dall-e-3");
  });

  test("may name a default by its alias", () => {
    expect(load("defaultModel: house\nmodels: { dall-e-2: { aliases: [house] } }").defaultModel.id).toBe("dall-e-2");
  });

  test("removes with null: a model, or a limit", () => {
    const catalogue = load("models: { dall-e-2: null, dall-e-3: { promptLimit: null } }");
    expect(catalogue.find("dall-e-2")).toBeUndefined();
    expect(catalogue.find("dall-e-3")?.promptLimit).toBeUndefined();
  });

  test("leaves the id of a model as its upstream id, unless it says otherwise", () => {
    expect(loadCatalogue().find("dall-e-3")?.upstream.model).toBe("dall-e-3");
    const mapped = load("models: { dall-e-3: { upstream: { model: gpt-image-2 } } }");
    expect(mapped.find("dall-e-3")?.upstream.model).toBe("gpt-image-2");
  });
});

describe("the example in the documentation", () => {
  const example = /```yaml\n(.*?)```/s.exec(documentation)?.[1] ?? expect.fail("docs/models.md has no example");

  test("is taken, and does what its comments say", () => {
    const catalogue = load(example);
    expect(catalogue.defaultModel.id).toBe("gpt-image-2");
    expect(catalogue.find("dall-e-2")).toBeUndefined();
    expect(catalogue.find("default")?.id).toBe("gpt-image-2");
    expect(catalogue.find("gpt-image-2.5-flare")?.prices.per1kTokensMicros?.imageOutput).toBe(36_000);

    const request = { prompt: "a cat", model: "dall-e-3", quality: "hd", style: "vivid", size: "1792x1024" };
    const { model, parameters, upstream } = resolveRequest(catalogue, request);
    expect(upstream).toEqual({
      model: "gpt-image-2",
      parameters: { prompt: "a cat", n: 1, quality: "high", size: "1792x1024" },
    });
    const delivered = { images: [{ size: "1792x1024", reportedQuality: "high" }] };
    expect(priceOf(termsOf(model, parameters), delivered).costMicros).toBe(120_000);

    expect(catalogue.find("gpt-image-3")).toMatchObject({ family: "gpt-image", prices: {} });

    const flux = resolveRequest(catalogue, { prompt: "a cat", model: "flux-dev", size: "1536x768", n: 4 });
    expect(flux.parameters).toEqual({ prompt: "a cat", n: 4, size: "1536x768", quality: "final" });
    expect(flux.upstream.model).toBe("black-forest-labs/FLUX.1-dev");
  });

  test("narrows what a model takes: below its own minimum is a 400 although the contract allows it", () => {
    expect(() => resolveRequest(load(example), { prompt: "a cat", model: "flux-dev", seed: -1 })).toThrow(
      "Invalid value for 'seed': '-1'. 'flux-dev' takes 0 to 2147483647.",
    );
  });

  test("names every key that a model may have", () => {
    const keys = [
      "like",
      "provider",
      "maxImages",
      "sizes",
      "parameters",
      "promptLimit",
      "aliases",
      "family",
      "prices",
      "sunset",
    ];
    for (const key of keys) expect(documentation).toMatch(new RegExp(`^\\|.*\`${key}\``, "m"));
  });
});

const builtIn = loadCatalogue()
  .models.map(({ id }) => `'${id}'`)
  .join(", ");

describe("a mistake in the file is told with line, column and reason", () => {
  const added = "provider: openai, maxImages: 1, sizes: { values: [auto] }";
  test.each([
    [
      "a price in words",
      "models:\n  dall-e-3:\n    prices:\n      perImageMicros:\n        hd: { 1024x1024: 4 cents }",
      'models.yaml:5:26: models.dall-e-3.prices.perImageMicros.hd.1024x1024: expected an integer number of micros, got "4 cents"',
    ],
    [
      "a price with a fraction",
      "models: { dall-e-3: { prices: { perImageMicros: { hd: { any: 0.5 } } } } }",
      "models.yaml:1:62: models.dall-e-3.prices.perImageMicros.hd.any: expected an integer number of micros, got 0.5",
    ],
    [
      "a negative price",
      "models: { dall-e-3: { prices: { perImageMicros: { hd: { any: -1 } } } } }",
      "models.yaml:1:62: models.dall-e-3.prices.perImageMicros.hd.any: expected micros of at least 0, got -1",
    ],
    [
      "a price for a quality it has not",
      "models:\n  dall-e-3:\n    prices: { perImageMicros: { high: { any: 1 } } }",
      "models.yaml:3:33: models.dall-e-3.prices.perImageMicros.high: expected a quality of this model, or any",
    ],
    [
      "a price for a size it has not",
      "models:\n  dall-e-3:\n    prices: { perImageMicros: { hd: { 1x1: 1 } } }",
      "models.yaml:3:39: models.dall-e-3.prices.perImageMicros.hd.1x1: expected a WIDTHxHEIGHT that this model takes, <=PIXELS, or any",
    ],
    [
      "a provider's price for a quality it has not",
      "models:\n  dall-e-3:\n    providerPrices: { perImageMicros: { high: { any: 1 } } }",
      "models.yaml:3:41: models.dall-e-3.providerPrices.perImageMicros.high: expected a quality of this model, or any",
    ],
    ["an unknown key at the top", "modells: {}", "models.yaml:1:1: modells: unknown key"],
    [
      "an unknown key of a model",
      "models:\n  dall-e-3:\n    colour: red",
      "models.yaml:3:5: models.dall-e-3.colour: unknown key",
    ],
    [
      "an unknown parameter",
      "models:\n  dall-e-3:\n    parameters: { mood: { values: [glad] } }",
      "models.yaml:3:19: models.dall-e-3.parameters.mood: unknown key",
    ],
    [
      "an unknown default model",
      "\ndefaultModel: nope",
      `models.yaml:2:15: defaultModel: expected a model or an alias, got 'nope'; the models are ${builtIn}`,
    ],
    [
      "a provider's name",
      "models:\n  dall-e-3: { provider: Open AI }",
      'models.yaml:2:25: models.dall-e-3.provider: expected a provider name: lower-case letters, digits and -, at most 32 characters, a letter first, got "Open AI"',
    ],
    [
      "an alias that is an id",
      "models:\n  dall-e-3:\n    aliases:\n      - house\n      - dall-e-2",
      "models.yaml:5:9: models.dall-e-3.aliases.1: the name 'dall-e-2' is taken twice, as models.dall-e-3.aliases.1 and as models.dall-e-2",
    ],
    [
      "an id that is a built-in alias",
      `models:\n  gpt-image-2-2026-04-21: { ${added} }`,
      "models.yaml:2:3: models.gpt-image-2-2026-04-21: the name 'gpt-image-2-2026-04-21' is taken twice, as models.gpt-image-2.snapshots.0 and as models.gpt-image-2-2026-04-21",
    ],
    [
      "an alias that a built-in model has",
      "models:\n  dall-e-3: { aliases: [gpt-image-2-2026-04-21] }",
      "models.yaml:2:25: models.dall-e-3.aliases.0: the name 'gpt-image-2-2026-04-21' is taken twice, as models.gpt-image-2.snapshots.0 and as models.dall-e-3.aliases.0",
    ],
    [
      "an alias of two models",
      "models:\n  dall-e-3: { aliases: [a] }\n  dall-e-2: { aliases: [a] }",
      "models.yaml:2:25: models.dall-e-3.aliases.0: the name 'a' is taken twice, as models.dall-e-3.aliases.0 and as models.dall-e-2.aliases.0",
    ],
    [
      "an alias said twice",
      "models:\n  dall-e-3: { aliases: [a, a] }",
      "models.yaml:2:28: models.dall-e-3.aliases.1: the name 'a' is taken twice, as models.dall-e-3.aliases.1 and as models.dall-e-3.aliases.0",
    ],
    [
      "a default that is no value",
      "models:\n  dall-e-3:\n    parameters:\n      style:\n        default: grim",
      "models.yaml:5:18: models.dall-e-3.parameters.style.default: expected one of the values above",
    ],
    [
      "a default size it does not take",
      "models:\n  dall-e-3: { sizes: { default: auto } }",
      "models.yaml:2:33: models.dall-e-3.sizes.default: expected a size that the values, the tiers or the rule accept",
    ],
    [
      "a range the wrong way round",
      `models:\n  m: { ${added}, parameters: { seed: { min: 2, max: 1 } } }`,
      "models.yaml:2:102: models.m.parameters.seed.max: expected max to be at least min",
    ],
    [
      "n above ten",
      "models:\n  dall-e-2: { maxImages: 11 }",
      "models.yaml:2:26: models.dall-e-2.maxImages: expected at most 10, got 11",
    ],
    [
      "a date",
      "models:\n  dall-e-2: { sunset: soon }",
      'models.yaml:2:23: models.dall-e-2.sunset: expected a date as YYYY-MM-DD, got "soon"',
    ],
    [
      "a family",
      "models:\n  dall-e-2: { family: gtp-image }",
      'models.yaml:2:23: models.dall-e-2.family: expected one of "dall-e", "gpt-image", "seedream", "other", got "gtp-image"',
    ],
    [
      "a missing key",
      "models:\n  m: { provider: openai, sizes: { values: [auto] } }",
      "models.yaml:2:3: models.m.maxImages: missing; expected number",
    ],
    [
      "a model's name",
      `models:\n  my model: { ${added} }`,
      'models.yaml:2:3: models.my model: expected a model name: letters, digits, and . _ : / - within, at most 128 characters, got "my model"',
    ],
    [
      "a wrong kind of thing",
      "models:\n  dall-e-2: cheap",
      'models.yaml:2:13: models.dall-e-2: expected a map, got "cheap"',
    ],
    ["a list for the models", "models: [a]", "models.yaml:1:9: models: expected a map of models"],
    ["a list for the whole file", "- a", 'models.yaml:1:1: expected a map, got ["a"]'],
    [
      "a key that is there twice",
      "defaultModel: dall-e-2\ndefaultModel: dall-e-3",
      "models.yaml:2:1: Map keys must be unique",
    ],
    [
      "tokens for a quality it has not",
      "models:\n  dall-e-2: { outputTokens: { patches: { high: 96 } } }",
      "models.yaml:2:42: models.dall-e-2.outputTokens.patches.high: expected a quality of this model, or any",
    ],
    [
      "tokens said in two ways",
      "models:\n  gpt-image-2: { outputTokens: { bySize: { low: { any: 1 } } } }",
      "models.yaml:2:32: models.gpt-image-2.outputTokens: expected either bySize or patches",
    ],
    [
      "pixels the wrong way round",
      "models:\n  gpt-image-2: { sizes: { rule: { maxPixels: 1 } } }",
      "models.yaml:2:46: models.gpt-image-2.sizes.rule.maxPixels: expected maxPixels to be at least minPixels",
    ],
    [
      "a rule about a field that no request has",
      "models:\n  dall-e-2: { rules: [{ when: { colour: given }, without: [n] }] }",
      "models.yaml:2:33: models.dall-e-2.rules.0.when.colour: unknown key",
    ],
    [
      "a rule that asks for nothing",
      "models:\n  dall-e-2: { rules: [{ when: { n: [1] } }] }",
      "models.yaml:2:23: models.dall-e-2.rules.0: expected either only or without",
    ],
    [
      "a translation",
      "models:\n  dall-e-3: { upstream: { parameters: { style: drop } } }",
      'models.yaml:2:48: models.dall-e-3.upstream.parameters.style: expected "omit", or a map from the value that callers send to the one the upstream takes, got "drop"',
    ],
  ])("%s", (_what, text, told) => {
    expect(mistakesIn(text)).toEqual([told]);
  });

  test("a text that is no YAML", () => {
    expect(mistakesIn("models:\n  a: [1, 2\n")[0]).toMatch(/^models\.yaml:\d+:\d+: /);
  });

  test("a file that cannot be read", () => {
    expect(() => loadCatalogue({ file: "/no/such/models.yaml" })).toThrow(
      "/no/such/models.yaml: cannot be read: ENOENT",
    );
  });

  test("all of them at once, in the order of the file", () => {
    const text =
      "defaultModel: nope\nmodels:\n  dall-e-3:\n    colour: red\n    maxImages: many\n  dall-e-2:\n    sunset: soon\nextra: 1\n";
    expect(mistakesIn(text).map((line) => line.replace(/: expected.*/, ""))).toEqual([
      "models.yaml:1:15: defaultModel",
      "models.yaml:4:5: models.dall-e-3.colour: unknown key",
      "models.yaml:5:16: models.dall-e-3.maxImages",
      "models.yaml:7:13: models.dall-e-2.sunset",
      "models.yaml:8:1: extra: unknown key",
    ]);
  });
});
