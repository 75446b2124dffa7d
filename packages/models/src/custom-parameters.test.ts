import { ApiError, openImageRequestSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { load, mistakesIn } from "./operators-file.fixture.ts";
import { resolveRequest } from "./resolve-request.ts";
import { termsOf } from "./terms.ts";
import { worstCaseOf } from "./worst-case-of.ts";

const own = "provider: openai, maxImages: 4, sizes: { values: [1024x1024] }";
const catalogue = load(`models:
  flux:
    provider: openai
    maxImages: 4
    sizes: { values: [1024x1024] }
    customParameters:
      num_inference_steps: { type: integer, min: 1, max: 50, default: 28 }
      negative_prompt: { type: string, maxLength: 5 }
      cfg: { type: number, min: 0, max: 20, upstream: true_cfg_scale }
      scheduler: { type: string, values: [euler, ddim] }
      batch: { type: integer, values: [1, 2, 4] }
      tiling: { type: boolean, default: false }
      loras:
        type: list
        maxItems: 2
        upstream: lora_weights
        of: { type: object, fields: { path: { type: string }, model: { type: string }, scale: { type: number, min: 0, max: 4 } } }
      upscale: { type: object, fields: { factor: { type: integer, min: 2, max: 4 } } }
  plain: { ${own} }
`);

const resolve = (more: object, model = "flux") =>
  resolveRequest(catalogue, openImageRequestSchema.parse({ prompt: "a cat", model, ...more }));

function refusalOf(more: object, model?: string): ApiError {
  try {
    resolve(more, model);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(more)}`);
}

describe("a parameter of a model's own", () => {
  const defaults = { num_inference_steps: 28, tiling: false };

  test.each([
    [{}, defaults],
    [
      { num_inference_steps: 50, tiling: true },
      { num_inference_steps: 50, tiling: true },
    ],
    [{ num_inference_steps: null, cfg: null }, defaults],
    [{ cfg: -0 }, { ...defaults, true_cfg_scale: -0 }],
    [{ loras: [] }, { ...defaults, lora_weights: [] }],
    [{ upscale: {} }, { ...defaults, upscale: {} }],
    [
      { negative_prompt: "blur", cfg: 3.5 },
      { ...defaults, negative_prompt: "blur", true_cfg_scale: 3.5 },
    ],
    [
      { scheduler: "ddim", batch: 4 },
      { ...defaults, scheduler: "ddim", batch: 4 },
    ],
    [
      { loras: [{ path: "a", scale: 0.5 }, { model: "b" }], upscale: { factor: 2 } },
      { ...defaults, lora_weights: [{ path: "a", scale: 0.5 }, { model: "b" }], upscale: { factor: 2 } },
    ],
  ])("%j goes to the upstream by its name there", (more, custom) => {
    const { parameters, upstream } = resolve(more);
    expect(parameters).toEqual({ prompt: "a cat", n: 1, custom });
    expect(upstream).toEqual({ model: "flux", parameters: { prompt: "a cat", n: 1, custom } });
  });

  test.each([
    [
      { num_inference_steps: 0 },
      "num_inference_steps",
      "Invalid 'num_inference_steps': 0 is below the minimum, which is 1.",
    ],
    [
      { num_inference_steps: 51 },
      "num_inference_steps",
      "Invalid 'num_inference_steps': 51 is above the maximum, which is 50.",
    ],
    [{ num_inference_steps: 2.5 }, "num_inference_steps", "expected an integer, but got a decimal number"],
    [{ num_inference_steps: "9" }, "num_inference_steps", "Invalid type for 'num_inference_steps': expected a number"],
    [{ num_inference_steps: 1e300 }, "num_inference_steps", "is above the maximum, which is 50"],
    [JSON.parse('{ "cfg": 1e999 }'), "cfg", "expected a number, but got a number too large to read instead"],
    [{ cfg: Number.NaN }, "cfg", "Invalid type for 'cfg': expected a number"],
    [{ negative_prompt: "blurry" }, "negative_prompt", "the maximum length is 5 characters"],
    [{ negative_prompt: "\uD83D" }, "negative_prompt", "must be well-formed Unicode"],
    [{ cfg: -0.1 }, "cfg", "is below the minimum, which is 0"],
    [{ scheduler: "lcm" }, "scheduler", "Invalid value for 'scheduler': 'lcm'. Supported values are: 'euler', 'ddim'."],
    [{ batch: 3 }, "batch", "Supported values are: '1', '2', '4'."],
    [{ tiling: 1 }, "tiling", "expected a boolean"],
    [{ loras: [{ path: "a" }, { path: "b" }, { path: "c" }] }, "loras", "it may have at most 2 entries"],
    [{ loras: [{ path: "a", scale: 5 }] }, "loras.0.scale", "is above the maximum, which is 4"],
    [{ loras: [{ path: "a", colour: "red" }] }, "loras.0.colour", "Unknown parameter: 'loras.0.colour'."],
    [{ loras: { path: "a" } }, "loras", "expected an array, but got an object"],
    [{ upscale: JSON.parse('{"__proto__": 2}') }, "upscale.__proto__", "Unknown parameter: 'upscale.__proto__'."],
    // The name that the upstream has for it is none of the caller's.
    [{ true_cfg_scale: 3 }, "true_cfg_scale", "Unknown parameter: 'true_cfg_scale'."],
    [{ custom: { n: 10 } }, "custom", "Unknown parameter: 'custom'."],
    [{ constructor: 1 }, "constructor", "Unknown parameter: 'constructor'."],
    [{ toString: 1 }, "toString", "Unknown parameter: 'toString'."],
    [{ ["x".repeat(65)]: 1 }, `${"x".repeat(64)}…`, `Unknown parameter: '${"x".repeat(64)}…'.`],
  ])("%j is a 400 that names it", (more, param, message) => {
    const error = refusalOf(more);
    expect([error.status, error.code, error.param]).toEqual([400, "invalid_request_error", param]);
    expect(error.message).toContain(message);
  });

  test("is refused by a model that does not declare it, with those that do", () => {
    expect(refusalOf({ negative_prompt: "x" }, "plain")).toMatchObject({
      status: 400,
      param: "negative_prompt",
      message: "Unknown parameter: 'negative_prompt'. Models that take it: 'flux'.",
    });
    expect(refusalOf({ colour: "red" }, "gpt-image-2")).toMatchObject({ message: "Unknown parameter: 'colour'." });
    expect(refusalOf({ colour: null }, "plain")).toMatchObject({ message: "Unknown parameter: 'colour'." });
  });

  test.each([
    ["integer", "{ type: integer, default: 3 }", 3],
    ["number", "{ type: number, default: 0 }", 0],
    ["boolean", "{ type: boolean, default: false }", false],
    ["string", '{ type: string, default: "" }', ""],
    ["list", "{ type: list, of: { type: string }, default: [a] }", ["a"]],
    ["object", "{ type: object, fields: { a: { type: integer } }, default: { a: 1 } }", { a: 1 }],
  ])("has a default, where it is of type %s", (_type, declaration, preset) => {
    const text = `models: { m: { ${own}, customParameters: { a: ${declaration} } } }`;
    const { upstream } = resolveRequest(load(text), { prompt: "a cat", model: "m" });
    expect(upstream.parameters.custom).toEqual({ a: preset });
  });

  test("may have a name that another one has at the upstream, where the two change places", () => {
    const swapped = "a: { type: integer, upstream: b }, b: { type: integer, upstream: a }";
    const request = openImageRequestSchema.parse({ prompt: "a cat", model: "m", a: 1, b: 2 });
    const { upstream } = resolveRequest(load(`models: { m: { ${own}, customParameters: { ${swapped} } } }`), request);
    expect(upstream.parameters.custom).toEqual({ b: 1, a: 2 });
  });

  test("is counted in the worst case of a model that bills text by token", () => {
    const prices = "prices: { perImageMicros: { any: { any: 0 } }, per1kTokensMicros: { textInput: 1000000 } }";
    const text = `models: { m: { ${own}, ${prices}, customParameters: { negative_prompt: { type: string } } } }`;
    const worst = (more: object) => {
      const request = openImageRequestSchema.parse({ prompt: "a cat", model: "m", ...more });
      const resolved = resolveRequest(load(text), request);
      return worstCaseOf(termsOf(resolved.model, resolved.parameters, resolved.upstream.parameters), resolved).micros;
    };
    expect(Number(worst({ negative_prompt: "blur" })) - Number(worst({}))).toBe(
      Buffer.byteLength('{"negative_prompt":"blur"}') * 1_000,
    );
  });

  test("is taken over by a model that is like it", () => {
    const text = `models: { a: { ${own}, customParameters: { steps: { type: integer } } }, b: { like: a } }`;
    const request = openImageRequestSchema.parse({ prompt: "a cat", model: "b", steps: 3 });
    expect(resolveRequest(load(text), request).upstream.parameters.custom).toEqual({ steps: 3 });
  });
});

describe("a declaration is refused", () => {
  const declaring = (text: string) => mistakesIn(`models: { m: { ${own}, customParameters: { ${text} } } }`);
  test.each([
    [
      "of a field of every request",
      "n: { type: integer }",
      "m.customParameters.n: expected a name that no field of a request has",
    ],
    ["sent as one of our own", "a: { type: integer, upstream: n }", "a.upstream: expected a name that no field"],
    [
      "of no type that there is",
      "a: { type: date }",
      "a.type: expected a type: integer, number, boolean, string, list or object",
    ],
    ["without a type", "a: { min: 1 }", "a.type: "],
    ["by a name that every object has", "toString: { type: string }", "customParameters.toString: expected a name"],
    [
      "with a field that every object has",
      "a: { type: object, fields: { constructor: { type: string } } }",
      "a.fields.constructor: expected a name",
    ],
    ["by a name that is none", "a b: { type: boolean }", "customParameters.a b: expected the name of a field"],
    [
      "with a default that it does not take",
      "a: { type: integer, max: 3, default: 4 }",
      "a.default: expected a value that",
    ],
    [
      "with a default that is no value",
      "a: { type: string, values: [x], default: z }",
      "a.default: expected a value that",
    ],
    [
      "with a range the wrong way round",
      "a: { type: number, min: 2, max: 1 }",
      "a.max: expected max to be at least min",
    ],
    [
      "with a range inside a list the wrong way round",
      "a: { type: list, of: { type: integer, min: 2, max: 1 } }",
      "of.max",
    ],
    [
      "with a range inside an object the wrong way round",
      "a: { type: object, fields: { b: { type: number, min: 2, max: 1 } } }",
      "a.fields.b.max: expected max to be at least min",
    ],
    ["with a default inside a list", "a: { type: list, of: { type: integer, default: 1 } }", "of.default: unknown key"],
    [
      "with a list as default that is too long",
      "a: { type: list, maxItems: 1, of: { type: integer }, default: [1, 2] }",
      "a.default: expected a value that this parameter takes",
    ],
    ["with a value outside its range", "a: { type: integer, max: 3, values: [3, 4] }", "a.values.1: expected a value"],
    ["with a text that is too long", "a: { type: string, maxLength: 1, values: [ab] }", "a.values.0: expected a value"],
    ["with a value of another type", "a: { type: string, values: [1] }", "a.values.0: expected string, got 1"],
    ["with a bound that is no number", "a: { type: number, min: .nan }", "a.min: expected number"],
    ["with a bound without an end", "a: { type: number, max: .inf }", "a.max: expected number"],
    ["with a bound of an integer that is none", "a: { type: integer, min: 0.5 }", "a.min: expected int"],
    [
      "with a list that has no bound",
      "a: { type: list, maxItems: 101, of: { type: integer } }",
      "expected at most 100",
    ],
    ["with a text that has no bound", "a: { type: string, maxLength: 32001 }", "a.maxLength: expected at most 32000"],
    [
      "with a list of lists",
      "a: { type: list, of: { type: list, of: { type: integer } } }",
      "a.of.type: expected a type: integer, number, boolean, string or object",
    ],
    ["with an unknown key", "a: { type: boolean, min: 1 }", "a.min: unknown key"],
    [
      "sent as another one is",
      "a: { type: boolean }, b: { type: boolean, upstream: a }",
      "b: expected another name, for 'a'",
    ],
  ])("%s", (_what, text, told) => {
    expect(declaring(text)).toEqual([expect.stringContaining(told)]);
  });
});
