import { ApiError, type ImageRequest, imageRequestSchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { loadCatalogue } from "./load-catalogue.ts";
import { resolveRequest } from "./resolve-request.ts";

const catalogue = loadCatalogue();
const resolve = (request: Partial<ImageRequest>) =>
  resolveRequest(catalogue, imageRequestSchema.parse({ prompt: "a cat", ...request }));

const refusalOf = (request: Partial<ImageRequest>): ApiError => {
  try {
    resolve(request);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(request)}`);
};

type Row = { takes?: readonly unknown[]; default?: unknown; refuses?: readonly unknown[] };

/** A parameter without a row here is refused whatever its value. */
type Expectation = { promptLimit: number | null; n: number; parameters: Record<string, Row> };

// Written by hand from the commissioned document, from OpenAI's and Ark's references, not from the catalogue: the two must agree.
const gptImageParameters: Record<string, Row> = {
  size: {
    takes: ["auto", "1024x1024", "1536x1024", "1024x1536"],
    default: "auto",
    refuses: ["256x256", "1792x1024", "1024X1024", "1024 x 1024", "large", "", "0x0"],
  },
  quality: {
    takes: ["auto", "low", "medium", "high"],
    default: "auto",
    refuses: ["standard", "hd", "HIGH", "xhigh", ""],
  },
  background: { takes: ["auto", "transparent", "opaque"], default: "auto", refuses: ["white", ""] },
  moderation: { takes: ["auto", "low"], default: "auto", refuses: ["high", "none"] },
  output_format: { takes: ["png", "jpeg", "webp"], default: "png", refuses: ["jpg", "gif", "svg", "PNG"] },
  output_compression: { takes: [0, 85, 100], default: 100 },
};
const gptImage: Expectation = { promptLimit: 32_000, n: 10, parameters: gptImageParameters };
const gptImage2: Expectation = {
  ...gptImage,
  parameters: {
    ...gptImageParameters,
    size: {
      takes: [
        "auto",
        "1024x1024",
        "1536x864",
        "3840x2160",
        "2160x3840",
        "3072x1024",
        "1024x3072",
        "2448x3264",
        "2880x2880",
      ],
      default: "auto",
      refuses: [
        "1000x1000",
        "1024x1000",
        "3856x2160",
        "3840x2176",
        "2896x2880",
        "256x256",
        "1024x624",
        "3088x1024",
        "1024x3088",
        "01024x1024",
      ],
    },
  },
};
const gptImage25: Expectation = {
  ...gptImage2,
  parameters: {
    ...gptImage2.parameters,
    quality: {
      takes: ["auto", "low", "medium", "high", "xhigh", "max"],
      default: "auto",
      refuses: ["standard", "hd", "MAX", ""],
    },
  },
};
const gptImage26: Expectation = {
  ...gptImage25,
  parameters: {
    ...gptImage25.parameters,
    complexity: { takes: ["low", "medium", "high"], refuses: ["auto", "max", ""] },
    output_format: { takes: ["png", "jpeg", "webp", "gif", "svg"], default: "png", refuses: ["jpg", "GIF", "mp4"] },
    // Each is taken in company only, which "a rule between fields" examines.
    frame_count: {},
    frame_duration_ms: {},
    svg: {},
  },
};
const series: Record<string, Row> = {
  sequential_image_generation: { takes: ["disabled", "auto"], refuses: ["", "on"] },
};
const seedream: Record<string, Row> = { watermark: { takes: [true, false], default: true } };
const expectations: Record<string, Expectation> = {
  "dall-e-2": {
    promptLimit: 1000,
    n: 10,
    parameters: {
      size: {
        takes: ["256x256", "512x512", "1024x1024"],
        default: "1024x1024",
        refuses: ["auto", "1792x1024", "1024x1536", "256", "256x256x256"],
      },
      quality: { takes: ["auto", "standard"], refuses: ["hd", "low", "high"] },
    },
  },
  "dall-e-3": {
    promptLimit: 4000,
    n: 1,
    parameters: {
      size: {
        takes: ["1024x1024", "1792x1024", "1024x1792"],
        default: "1024x1024",
        refuses: ["auto", "256x256", "512x512", "1536x1024"],
      },
      quality: { takes: ["auto", "standard", "hd"], default: "standard", refuses: ["low", "medium", "high"] },
      style: { takes: ["vivid", "natural"], default: "vivid", refuses: ["auto", "Vivid", ""] },
    },
  },
  "gpt-image-1": gptImage,
  "gpt-image-1-mini": gptImage,
  "gpt-image-1.5": gptImage,
  "chatgpt-image-latest": gptImage,
  "gpt-image-2": gptImage2,
  "gpt-image-2.5-flare": gptImage25,
  "gpt-image-2.5-sunburst": gptImage25,
  "gpt-image-2.6-flare": gptImage26,
  "gpt-image-2.6-sunburst": gptImage26,
  "doubao-seedream-3-0-t2i": {
    promptLimit: null,
    n: 10,
    parameters: {
      size: {
        takes: ["512x512", "1024x1024", "2048x2048", "512x2048", "1512x648", "513x777"],
        default: "1024x1024",
        refuses: ["auto", "511x512", "512x511", "2049x2048", "1024x2049", "1K"],
      },
      seed: { takes: [-1, 0, 2_147_483_647], default: -1 },
      guidance_scale: { takes: [1, 2.5, 10], default: 2.5 },
      ...seedream,
    },
  },
  "doubao-seedream-4-0": {
    promptLimit: null,
    n: 10,
    parameters: {
      ...seedream,
      ...series,
      size: {
        takes: ["1K", "2K", "4K", "1280x720", "4096x4096", "3840x240", "2730x6144"],
        refuses: ["1279x720", "4097x4096", "3856x240", "auto", "3K", "2k", ""],
      },
      sequential_image_generation_options: {},
      optimize_prompt_options: { takes: [{ mode: "standard" }, { mode: "fast" }, { thinking: "disabled" }] },
    },
  },
  "doubao-seedream-4-5": {
    promptLimit: null,
    n: 10,
    parameters: {
      ...seedream,
      ...series,
      size: {
        takes: ["2K", "4K", "2560x1440", "4096x4096", "1920x1920"],
        refuses: ["1K", "3K", "2559x1440", "1024x1024", "4096x4097", "auto"],
      },
      sequential_image_generation_options: {},
      optimize_prompt_options: { takes: [{ mode: "standard" }] },
    },
  },
  ...Object.fromEntries(
    ["doubao-seedream-5-0", "doubao-seedream-5-0-lite"].map((id): [string, Expectation] => [
      id,
      {
        promptLimit: null,
        n: 10,
        parameters: {
          ...seedream,
          ...series,
          size: {
            takes: ["2K", "3K", "2560x1440", "3072x3072"],
            refuses: ["1K", "4K", "1024x1024", "4096x4096", "auto"],
          },
          output_format: { takes: ["jpeg", "png"], refuses: ["webp", "gif", "PNG"] },
          sequential_image_generation_options: {},
          optimize_prompt_options: { takes: [{ mode: "standard" }] },
        },
      },
    ]),
  ),
  "doubao-seedream-5-0-pro": {
    promptLimit: null,
    n: 10,
    parameters: {
      ...seedream,
      size: {
        takes: ["1K", "1.5K", "2K", "1280x720", "2048x2048"],
        refuses: ["3K", "4K", "512x512", "4096x4096", "auto"],
      },
      background: { takes: ["opaque"], refuses: ["auto", "white"] },
      output_format: { takes: ["jpeg", "png"], refuses: ["webp"] },
      optimize_prompt_options: { takes: [{ mode: "standard" }, { mode: "fast" }] },
    },
  },
  "doubao-seedream-5-5": {
    promptLimit: null,
    n: 10,
    parameters: {
      ...seedream,
      size: { takes: ["1K", "1.5K", "2K", "1280x720", "2048x2048"], refuses: ["3K", "4K", "512x512", "auto"] },
      background: { takes: ["auto", "opaque"], refuses: ["white"] },
      output_format: { takes: ["jpeg", "png"], refuses: ["webp"] },
    },
  },
};

/** One ordinary value of every parameter, to send to the models that do not know it. */
const ordinary = {
  quality: "auto",
  style: "vivid",
  background: "opaque",
  moderation: "low",
  output_format: "png",
  output_compression: 80,
  complexity: "low",
  frame_count: 9,
  frame_duration_ms: 200,
  svg: { model: "gpt-5.6" },
  sequential_image_generation: "auto",
  sequential_image_generation_options: { max_images: 4 },
  optimize_prompt_options: { mode: "fast" },
  seed: 7,
  guidance_scale: 3,
  watermark: false,
};

test("every built-in model is examined here", () => {
  expect(catalogue.models.map(({ id }) => id)).toEqual(Object.keys(expectations));
});

describe.each(Object.entries(expectations))("%s", (model, { promptLimit, n: maxImages, parameters }) => {
  const cases = (list: "takes" | "refuses") =>
    Object.entries(parameters).flatMap(([name, row]) => (row[list] ?? []).map((value) => [name, value] as const));

  test.each(cases("takes"))("takes %s %j and keeps it as it is", (name, value) => {
    expect(resolve({ model, [name]: value }).parameters).toHaveProperty(name, value);
  });

  test.each(cases("refuses"))("400 for %s %j, with the values it takes", (name, value) => {
    const error = refusalOf({ model, [name]: value });
    expect([error.status, error.code, error.param]).toEqual([400, "invalid_request_error", name]);
    expect(error.message).toContain(`Invalid value for '${name}': '${String(value)}'.`);
    const ruled = name === "size" && /^gpt-image-2|seedream/.test(model);
    for (const taken of ruled ? ["WIDTHxHEIGHT"] : (parameters[name]?.takes ?? [])) {
      expect(error.message).toContain(String(taken));
    }
  });

  test.each(Object.entries(ordinary).filter(([name]) => parameters[name] === undefined))(
    "400 for %s, which it does not know",
    (name, value) => {
      const error = refusalOf({ model, [name]: value });
      expect([error.status, error.param]).toEqual([400, name]);
      expect(error.message).toContain(`'${model}' does not support '${name}'.`);
    },
  );

  test("states its defaults and no more", () => {
    const stated = Object.entries(parameters).flatMap(([name, row]) => ("default" in row ? [[name, row.default]] : []));
    const { model: resolved, parameters: filled } = resolve({ model });
    expect(resolved.id).toBe(model);
    expect(JSON.parse(JSON.stringify(filled))).toEqual({ prompt: "a cat", n: 1, ...Object.fromEntries(stated) });
  });

  test(`takes n up to ${maxImages}`, () => {
    expect(resolve({ model, n: maxImages }).parameters.n).toBe(maxImages);
  });

  // Eleven is refused for every model, by the contract.
  test.each(maxImages < 10 ? [maxImages + 1] : [])("400 for n %i", (n) => {
    const error = refusalOf({ model, n });
    expect([error.status, error.param]).toEqual([400, "n"]);
    expect(error.message).toBe(`Invalid 'n': ${n} is above the maximum, which is ${maxImages} for '${model}'.`);
  });

  test("takes both response formats, a user, a safety identifier and job options", () => {
    for (const response_format of ["url", "b64_json"] as const) {
      const { parameters: kept } = resolve({
        model,
        response_format,
        user: "u-1",
        safety_identifier: "s-1",
        job: { expires_in: 60 },
      });
      expect(kept).toMatchObject({ user: "u-1", safety_identifier: "s-1" });
      expect(kept).not.toHaveProperty("response_format");
      expect(kept).not.toHaveProperty("job");
    }
  });

  // A family emoji is five code points and eight UTF-16 units, of two characters that people see as one.
  const texts = { letters: "x", "Chinese characters": "画", emoji: "🎨", "joined emoji": "👩‍👩‍👧" };
  const limits = promptLimit === null ? [] : Object.entries(texts);
  test.each(limits)(`counts %s as code points: ${promptLimit} are taken, one more is not`, (_kind, text) => {
    const points = Array.from(text);
    const of = (count: number) => Array.from({ length: count }, (_, i) => points[i % points.length]).join("");
    const limit = Number(promptLimit);
    expect(resolve({ model, prompt: of(limit) }).parameters.prompt).toBe(of(limit));
    const error = refusalOf({ model, prompt: of(limit + 1) });
    expect([error.status, error.param]).toEqual([400, "prompt"]);
    expect(error.message).toBe(
      `Invalid 'prompt': '${model}' takes at most ${limit} characters, but this prompt has ${limit + 1}.`,
    );
  });

  test.each(promptLimit === null ? [100_000] : [])("leaves a prompt of %i characters to its upstream", (length) => {
    expect(resolve({ model, prompt: "x".repeat(length) }).parameters.prompt).toHaveLength(length);
  });
});

describe("a stream", () => {
  test.each(Object.keys(expectations))("is taken for %s", (model) => {
    expect(resolve({ model, stream: true }).model.id).toBe(model);
  });

  test("400 for partial images of a model that shows none, or without a stream", () => {
    const error = refusalOf({ model: "dall-e-3", stream: true, partial_images: 1 });
    expect(error).toMatchObject({ status: 400, param: "partial_images" });
    expect(error.message).toMatch(/^'dall-e-3' does not support 'partial_images'\. Models that do: 'gpt-image-1'/);
    expect(refusalOf({ model: "gpt-image-2", partial_images: 1 })).toMatchObject({ param: "partial_images" });
    expect(resolve({ model: "dall-e-3", stream: true, partial_images: 0 }).model.id).toBe("dall-e-3");
  });
});

describe("a rule between fields", () => {
  type Case = [model: string, request: Partial<ImageRequest>, param: string, message: string];
  const svg = { model: "gpt-6-luna" };
  const gif = { output_format: "gif" } as const;
  const transparent = { background: "transparent" } as const;
  const broken: Case[] = [
    [
      "gpt-image-1",
      { ...transparent, output_format: "jpeg" },
      "background",
      "'background' 'transparent' needs 'output_format' to be 'png' or 'webp'; here it is 'jpeg'.",
    ],
    [
      "gpt-image-2.6-flare",
      { ...transparent, ...gif },
      "background",
      "'background' 'transparent' needs 'output_format' to be 'png', 'webp' or 'svg'; here it is 'gif'.",
    ],
    [
      "gpt-image-2.6-flare",
      { frame_count: 9 },
      "frame_count",
      "'frame_count' needs 'output_format' to be 'gif'; here it is 'png'.",
    ],
    ["gpt-image-2.6-sunburst", { frame_count: 9, output_format: "svg" }, "frame_count", "'frame_count' needs"],
    ["gpt-image-2.6-flare", { frame_duration_ms: 100 }, "frame_duration_ms", "'frame_duration_ms' needs"],
    ["gpt-image-2.6-flare", { svg, ...gif }, "svg", "'svg' needs 'output_format' to be 'svg'; here it is 'gif'."],
    [
      "gpt-image-2.6-flare",
      { output_format: "svg", svg, n: 2 },
      "n",
      "'output_format' 'svg' needs 'n' to be 1; here it is '2'.",
    ],
    [
      "gpt-image-2.6-flare",
      { output_format: "svg", stream: true },
      "stream",
      "'stream' cannot be used with 'output_format' 'svg'.",
    ],
    ["gpt-image-2.6-flare", { ...gif, stream: true }, "stream", "'stream' cannot be used with 'output_format' 'gif'."],
    ["gpt-image-2.6-flare", { ...gif, partial_images: 2 }, "partial_images", "'partial_images' cannot be used with"],
    ["gpt-image-2.6-flare", { ...gif, output_compression: 80 }, "output_compression", "'output_compression' cannot be"],
    [
      "doubao-seedream-4-5",
      { sequential_image_generation: "auto", n: 2 },
      "n",
      "'sequential_image_generation' 'auto' needs 'n' to be 1; here it is '2'.",
    ],
    [
      "doubao-seedream-4-5",
      { sequential_image_generation_options: { max_images: 3 } },
      "sequential_image_generation_options",
      "'sequential_image_generation_options' needs 'sequential_image_generation' to be 'auto'; here it is not set.",
    ],
    ["doubao-seedream-5-5", transparent, "background", "needs 'output_format' to be 'png'; here it is not set."],
    ["doubao-seedream-5-0-pro", { ...transparent, output_format: "jpeg" }, "background", "here it is 'jpeg'."],
  ];
  test.each(broken)("400 for %s %j, naming %s", (model, request, param, message) => {
    const error = refusalOf({ model, ...request });
    expect([error.status, error.code, error.param]).toEqual([400, "invalid_request_error", param]);
    expect(error.message).toContain(message);
  });

  const kept: [model: string, request: Partial<ImageRequest>][] = [
    ["gpt-image-1", { ...transparent, output_format: "png" }],
    ["gpt-image-1", { ...transparent, output_format: "webp" }],
    ["gpt-image-1", transparent],
    ["gpt-image-2.6-flare", { ...transparent, output_format: "svg" }],
    ["gpt-image-2.6-flare", { ...gif, n: 4, frame_count: 16, frame_duration_ms: 655_350, complexity: "high" }],
    ["gpt-image-2.6-flare", { ...gif, stream: false, partial_images: 0 }],
    ["gpt-image-2.6-sunburst", { output_format: "svg", svg: { ...svg, reasoning: { effort: "high" } } }],
    ["doubao-seedream-5-5", { ...transparent, output_format: "png" }],
    ["doubao-seedream-4-0", { sequential_image_generation: "disabled", n: 4 }],
  ];
  test.each(kept)("is kept by %s %j", (model, request) => {
    const { stream: _stream, partial_images: _partials, ...drawn } = request;
    expect(resolve({ model, ...request }).parameters).toMatchObject(drawn);
  });
});

describe("a parameter with fields of its own is checked field by field", () => {
  test("and may be refused by the name of the field", () => {
    const fast = { optimize_prompt_options: { mode: "fast" } } as const;
    const error = refusalOf({ model: "doubao-seedream-4-5", ...fast });
    expect(error).toMatchObject({ status: 400, param: "optimize_prompt_options.mode" });
    expect(resolve({ model: "doubao-seedream-4-0", ...fast }).parameters).toMatchObject(fast);
  });
});

describe("a GIF", () => {
  // Measured with OpenAI by a reseller: a sheet of 9, 12 or 16 frames has the pixels of one image.
  const gif = (size: string, frame_count?: number) =>
    ({ model: "gpt-image-2.6-flare", output_format: "gif", size, frame_count }) as const;

  test.each([
    ["auto", 16],
    ["960x960", undefined],
    ["960x960", 2],
    ["960x960", 9],
    ["816x816", 12],
    ["720x720", 16],
    ["272x272", 9],
  ])("of %s is taken with %s frames", (size, frames) => {
    expect(resolve(gif(size, frames)).parameters.size).toBe(size);
  });

  test.each([
    ["976x976", undefined],
    ["976x976", 9],
    ["960x960", 10],
    ["832x832", 12],
    ["736x736", 13],
    ["256x256", 9],
    ["1024x1024", 2],
    ["1920x600", 2],
  ])("of %s is a 400 with %s frames", (size, frames) => {
    const error = refusalOf(gif(size, frames));
    expect(error).toMatchObject({ status: 400, param: "size" });
    expect(error.message).toContain("A GIF's frames share the pixels: one frame's are counted 9, 12, 16 times");
  });
});

describe("a series", () => {
  const drawing = (max_images?: number) =>
    resolve({
      model: "doubao-seedream-4-5",
      sequential_image_generation: "auto",
      ...(max_images !== undefined && { sequential_image_generation_options: { max_images } }),
    });

  test.each([
    [undefined, 15],
    [1, 1],
    [15, 15],
  ])("of at most %s images counts as %i", (most, n) => {
    expect(drawing(most).parameters.n).toBe(n);
    expect(drawing(most).upstream.parameters.n).toBe(n);
  });
});

describe("the model", () => {
  test("is the configured default when none is named", () => {
    const { model, requestedModel } = resolve({});
    expect([model.id, requestedModel]).toEqual(["gpt-image-2.5-flare", "gpt-image-2.5-flare"]);
  });

  test.each(["gpt-image-2-2026-04-21", "gpt-image-1.5-2025-12-16", "gpt-image-2.5-sunburst-2026-09-08"])(
    "is asked for upstream by the version that the caller named: %s",
    (snapshot) => {
      const { model, upstream } = resolve({ model: snapshot });
      expect(snapshot).toMatch(new RegExp(`^${model.id}-`));
      expect(upstream.model).toBe(snapshot);
      expect(resolve({ model: model.id }).upstream.model).toBe(model.id);
    },
  );

  test("is found by an alias, and what the caller said stays known", () => {
    const { model, requestedModel } = resolve({ model: "gpt-image-2-2026-04-21" });
    expect([model.id, requestedModel]).toEqual(["gpt-image-2", "gpt-image-2-2026-04-21"]);
  });

  test.each(["", "gpt-4", "DALL-E-3", " dall-e-3", "__proto__", "constructor"])("400 for %j", (model) => {
    const error = refusalOf({ model });
    expect([error.status, error.param, error.code]).toEqual([400, "model", "invalid_request_error"]);
    expect(error.message).toMatch(/^Invalid model specified\. /);
    expect(error.message).toContain("'dall-e-2', 'dall-e-3', 'gpt-image-1'");
  });

  test("400 for a long name cuts it short", () => {
    expect(refusalOf({ model: "m".repeat(10_000) }).message.length).toBeLessThan(700);
  });
});

test("the examples of the commissioned document are taken as they stand", () => {
  const examples: Partial<ImageRequest>[] = [
    { model: "dall-e-2", n: 1, size: "1024x1024", response_format: "url" },
    { model: "dall-e-3", quality: "hd", style: "vivid", size: "1792x1024" },
    {
      model: "gpt-image-1",
      background: "transparent",
      output_format: "png",
      output_compression: 85,
      moderation: "low",
      n: 2,
    },
    { model: "dall-e-3", quality: "hd", size: "1024x1024" },
    { model: "dall-e-3", quality: "standard", style: "natural" },
  ];
  for (const { response_format: _format, model, ...parameters } of examples) {
    expect(resolve({ model, ...parameters }).parameters).toMatchObject(parameters);
  }
});

test("a prompt is in no message", () => {
  const prompt = "a very secret prompt ".repeat(300);
  const faults = [{}, { n: 2 }, { size: "1x1" }, { quality: "x" }, { seed: 1 }, { model: "nope" }];
  for (const fault of faults)
    expect(refusalOf({ model: "dall-e-3", prompt, ...fault }).message).not.toContain("secret");
});
