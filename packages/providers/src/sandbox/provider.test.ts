import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { createImageChecker } from "../check-image.ts";
import { examineImage } from "../examine-image.ts";
import { aCall, examineProvider, failureOf, inMemory } from "../examine-provider.fixture.ts";
import { createHttpClient } from "../http/http-client.ts";
import { httpSettingsSchema } from "../http/settings.ts";
import type { PartialImage } from "../image-provider.ts";
import type { SandboxCall } from "../provider-definition.ts";
import type { ImageBytes } from "../spool/spooled-bytes.ts";
import refusals from "./fixtures/refusals.json" with { type: "json" };
import { settingsSchema } from "./options.ts";
import { sandbox } from "./provider.ts";

const http = createHttpClient(httpSettingsSchema.parse({}));
const create = (env: Record<string, string> = {}, onSandboxCall?: (call: SandboxCall) => void) =>
  sandbox.create(settingsSchema.parse(env), { http, images: createImageChecker(), onSandboxCall });
const draw = async (parameters: object, model = "gpt-image-1", env = {}) =>
  create(env).generate(aCall({ model, parameters: { prompt: "a cat", ...parameters } }));

let env: Record<string, string> = {};
examineProvider({
  provider: () => {
    const provider = create(env);
    env = {};
    return provider;
  },
  model: "gpt-image-1",
  size: "256x256",
  showsPartials: true,
  slow: () => void (env = { SANDBOX_DELAY_MS: "5000" }),
  broken: () => void (env = { SANDBOX_FAIL_EVERY: "1" }),
});

describe("the sandbox's pictures", () => {
  test("are the same bytes for the same request, and others for another prompt, seed or index", async () => {
    const bytes = async (prompt: string, seed: number | undefined, index: number) => {
      const reply = await create().generate(
        aCall({ model: "m", parameters: { prompt, seed, size: "128x128" }, indexes: [index] }),
      );
      return inMemory(reply.images[0]?.bytes).toString("base64");
    };
    const all = await Promise.all([
      bytes("a cat", 1, 0),
      bytes("a dog", 1, 0),
      bytes("a cat", 2, 0),
      bytes("a cat", 4, 0),
    ]);
    expect(new Set(all).size).toBe(4);
    expect(await bytes("a cat", 1, 0)).toBe(all[0]);
    expect(await bytes("a cat", 1, 1)).toBe(all[2]);
  });

  test.each([
    ["png", undefined, "image/png"],
    ["jpeg", 40, "image/jpeg"],
    ["webp", 40, "image/webp"],
  ])("are %s when asked for", async (output_format, output_compression, mediaType) => {
    const reply = await draw({ output_format, output_compression, size: "300x200" });
    expect(reply.images[0]).toMatchObject({ mediaType, width: 300, height: 200 });
  });

  test("are smaller with more compression", async () => {
    const size = async (output_compression: number) =>
      inMemory((await draw({ output_format: "jpeg", output_compression })).images[0]?.bytes).length;
    expect(await size(20)).toBeLessThan((await size(95)) / 2);
  });

  test("have clear corners when transparent, and no alpha at all when not", async () => {
    const clear = (await draw({ background: "transparent" })).images[0];
    const opaque = (await draw({ background: "opaque" })).images[0];
    const corner = await sharp(inMemory(clear?.bytes))
      .extract({ left: 0, top: 0, width: 1, height: 1 })
      .raw()
      .toBuffer();
    expect([...corner]).toEqual([0, 0, 0, 0]);
    expect((await sharp(inMemory(clear?.bytes)).metadata()).hasAlpha).toBe(true);
    expect((await sharp(inMemory(opaque?.bytes)).metadata()).hasAlpha).toBe(false);
  });

  test.each([
    "<b>&amp;]]>\"'",
    "中文和日本語",
    "قطة حתול",
    "👩‍👩‍👧 \u{20000} \u0000\u0007",
    " ",
    "é".repeat(32_000),
    "x".repeat(5000),
  ])("can be made from any prompt: %.20s", async (prompt) => {
    expect((await draw({ prompt, size: "64x64" })).images).toHaveLength(1);
  });

  test("show the prompt: the card of a short one and of a long one differ in more than colour", async () => {
    const white = async (prompt: string) => {
      const picture = (await draw({ prompt, size: "512x512" })).images[0];
      const pixels = await sharp(inMemory(picture?.bytes))
        .extract({ left: 0, top: 230, width: 512, height: 240 })
        .greyscale()
        .raw()
        .toBuffer();
      return pixels.filter((level) => level > 245).length;
    };
    expect(await white("W".repeat(60))).toBeGreaterThan((await white("i")) + 1000);
  });

  test("come at once, and plain, when told to be instant", async () => {
    const [first, second] = [
      await draw({}, "m", { SANDBOX_INSTANT: "true" }),
      await draw({ prompt: "b" }, "m", { SANDBOX_INSTANT: "true" }),
    ];
    expect(first.images[0]).toMatchObject({ width: 1024, height: 1024 });
    expect(first.images[0]?.bytes).toBe(second.images[0]?.bytes);
  });
});

describe("an animated GIF of the sandbox", () => {
  const gif = async (parameters: object, settings = {}) =>
    (await draw({ output_format: "gif", size: "96x64", ...parameters }, "gpt-image-2.6-flare", settings)).images[0];

  test.each([
    [{}, 9, 200],
    [{ frame_count: 2, frame_duration_ms: 350 }, 2, 350],
    [{ frame_count: 16, frame_duration_ms: 1 }, 16, 10],
    [{ frame_count: 2, frame_duration_ms: 655_350 }, 2, 65_530],
  ])("of %j has its frames, each shown for as long as was asked", async (parameters, frames, delayMs) => {
    for (const settings of [{}, { SANDBOX_INSTANT: "true" }]) {
      const image = await gif(parameters, settings);
      expect(await examineImage(inMemory(image?.bytes))).toMatchObject({
        mediaType: "image/gif",
        width: 96,
        height: 64,
      });
      const { pages, delay, loop } = await sharp(inMemory(image?.bytes), { animated: true }).metadata();
      expect({ pages, delay, loop }).toEqual({ pages: frames, delay: Array(frames).fill(delayMs), loop: 0 });
    }
  });

  test("moves, and is the same bytes for the same request", async () => {
    const [image, again] = [await gif({ frame_count: 4 }), await gif({ frame_count: 4 })];
    expect(image?.bytes).toEqual(again?.bytes);
    const frames = await Promise.all(
      [0, 1, 2, 3].map((page) => sharp(inMemory(image?.bytes), { page }).removeAlpha().raw().toBuffer()),
    );
    expect(new Set(frames.map((pixels) => pixels.toString("base64"))).size).toBe(4);
  });

  test("is counted as the sheet that its frames are drawn on", async () => {
    const output = async (parameters: object) =>
      (await draw({ quality: "high", ...parameters }, "gpt-image-2.6-flare")).usage?.output_tokens;
    const sheet = await output({ size: "2880x2880" });
    const frames = { output_format: "gif", size: "960x960", frame_count: 3 };
    expect(await output(frames)).toBe(sheet);
  });
});

describe("an SVG of the sandbox", () => {
  const svg = (parameters: object, settings = {}) =>
    draw({ output_format: "svg", size: "96x64", ...parameters }, "gpt-image-2.6-flare", settings);

  test("is one, of the size asked for, whatever the prompt", async () => {
    for (const prompt of ["a cat", "<script>&x;]]></svg>", "中文 قطة", "\u0000\u0007"]) {
      for (const settings of [{}, { SANDBOX_INSTANT: "true" }]) {
        const image = (await svg({ prompt }, settings)).images[0];
        const bytes = inMemory(image?.bytes);
        expect(await examineImage(bytes)).toMatchObject({ mediaType: "image/svg+xml", width: 96, height: 64 });
        expect(bytes.toString()).not.toContain("script");
      }
    }
  });

  test("shows what the PNG of the same request shows", async () => {
    const pixels = async (output_format: string, background: string) =>
      sharp(inMemory((await svg({ output_format, background })).images[0]?.bytes))
        .removeAlpha()
        .raw()
        .toBuffer();
    expect(await pixels("svg", "opaque")).toEqual(await pixels("png", "opaque"));
  });

  test("says what its author read and wrote", async () => {
    const { images, svgUsage } = await svg({ prompt: "12345", svg: { model: "gpt-6.1-sol" } });
    const output = Math.ceil((images[0]?.bytes.byteLength ?? 0) / 4);
    const counted = { input_tokens: 2, output_tokens: output, reasoning_tokens: 0, total_tokens: 2 + output };
    expect(svgUsage).toEqual({ model: "gpt-6.1-sol", ...counted });
    expect((await svg({})).svgUsage?.model).toBe("gpt-6-luna");
    expect((await draw({})).svgUsage).toBeUndefined();
  });
});

describe("unfinished versions", () => {
  const scripted = { SANDBOX_DELAY_MS: "150", SANDBOX_DIRECTIVES: "true" };
  const drawWith = async (prompt: string, partialImages: number) => {
    const shown: PartialImage[] = [];
    const onPartial = async (partial: PartialImage) => void shown.push(partial);
    const parameters = { prompt, size: "256x128", output_format: "webp" };
    const call = aCall({ model: "gpt-image-1", parameters, partialImages, onPartial });
    return { shown, work: create(scripted).generate(call), plain: create().generate({ ...call, partialImages: 0 }) };
  };

  test("come nearer to the finished picture, which is the same with and without them", async () => {
    const { shown, work, plain } = await drawWith("a cat", 3);
    const finished = (await work).images[0]?.bytes;
    expect(finished).toEqual((await plain).images[0]?.bytes);
    const pixels = (bytes: ImageBytes | undefined) => sharp(inMemory(bytes)).greyscale().raw().toBuffer();
    const wanted = await pixels(finished);
    const distances = await Promise.all(
      shown.map(async ({ bytes, mediaType, width, height }) => {
        expect([mediaType, width, height]).toEqual(["image/webp", 256, 128]);
        const drawn = await pixels(bytes);
        return wanted.reduce((sum, level, i) => sum + Math.abs(level - (drawn[i] ?? 0)), 0);
      }),
    );
    expect(distances).toHaveLength(3);
    expect(distances).toEqual(distances.toSorted((a, b) => b - a));
    expect(new Set(distances).size).toBe(3);
  });

  test("come before a failure, too", async () => {
    const { shown, work } = await drawWith("a cat [sandbox:fail=moderation_blocked]", 2);
    expect((await failureOf(work)).facts.code).toBe("moderation_blocked");
    expect(shown.map(({ partialIndex }) => partialIndex)).toEqual([0, 1]);
  });
});

describe("what the sandbox reports", () => {
  test("tokens by its rule, and resolved quality and background, for GPT image models", async () => {
    const reply = await draw({ quality: "auto", background: "auto", size: "1536x1024", prompt: "12345" });
    expect(reply).toMatchObject({ quality: "high", background: "opaque" });
    expect(reply.usage).toEqual({
      prompt_tokens: 2,
      input_tokens: 2,
      output_tokens: 6208,
      total_tokens: 6210,
      input_tokens_details: { text_tokens: 2, image_tokens: 0 },
    });
  });

  test.each([
    ["gpt-image-1", "low", "1024x1536", 408],
    ["gpt-image-1", "medium", "1536x1024", 1_575],
    ["gpt-image-2", "medium", "1024x1024", 1_756],
    ["gpt-image-2.5-flare", "medium", "1024x1024", 439],
    ["gpt-image-2.6-sunburst", "max", "2880x2880", 23_719],
    ["chatgpt-image-latest", "high", "1024x1024", 4_160],
  ])("as many output tokens as %s counts at %s and %s: %i", async (model, quality, size, tokens) => {
    const reply = await draw({ quality, size }, model, { SANDBOX_INSTANT: "true" });
    expect(reply).toMatchObject({ quality, usage: { output_tokens: tokens } });
  });

  test("a revised prompt for dall-e-3 alone", async () => {
    expect((await draw({}, "dall-e-3")).images[0]?.revisedPrompt).toContain("a cat");
    const other = await draw({}, "doubao-seedream-3-0-t2i-250415");
    expect(other.images[0]?.revisedPrompt).toBeUndefined();
    expect(other.usage).toBeUndefined();
  });

  test("each call as it begins", async () => {
    const calls: SandboxCall[] = [];
    const call = aCall({ model: "m", parameters: { prompt: "a", size: "16x16" }, indexes: [1, 2] });
    await create({}, (seen) => calls.push(seen)).generate(call);
    expect(calls).toEqual([{ generationId: call.generationId, model: "m", indexes: [1, 2] }]);
  });

  test("a size that is none, as the caller's fault", async () => {
    expect((await failureOf(draw({ size: "big" }))).facts).toMatchObject({
      code: "invalid_request_error",
      param: "size",
    });
  });
});

describe("directives in the prompt", () => {
  test.each(refusals)("$name", async ({ name, expect: facts }) => {
    const error = await failureOf(
      draw({ prompt: `a [sandbox:${name}]`, size: "16x16" }, "m", { SANDBOX_DIRECTIVES: "true" }),
    );
    expect(error.facts).toMatchObject(facts);
  });

  test("hold for as many calls of one generation as they say", async () => {
    const provider = create({ SANDBOX_DIRECTIVES: "true" });
    const call = aCall({ model: "m", parameters: { prompt: "[sandbox:fail=500,times=2]", size: "16x16" } });
    await failureOf(provider.generate(call));
    await failureOf(provider.generate(call));
    expect((await provider.generate(call)).images).toHaveLength(1);
    await failureOf(provider.generate({ ...call, generationId: "gen_other" }));
  });

  test("withhold images, with a reason that a retry mends", async () => {
    const call = aCall({
      model: "m",
      parameters: { prompt: "[sandbox:missing=2]", size: "16x16" },
      indexes: [0, 1, 2],
    });
    const reply = await create({ SANDBOX_DIRECTIVES: "true" }).generate(call);
    expect(reply.images.map(({ index }) => index)).toEqual([0]);
    expect(reply.missing.map(({ index, error }) => [index, error.facts.retryable])).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  test("say how many tokens went in, for models that count any", async () => {
    const prompt = "[sandbox:text-tokens=40,image-tokens=10]";
    const scripted = { SANDBOX_DIRECTIVES: "true" };
    expect((await draw({ prompt, quality: "low" }, "gpt-image-1", scripted)).usage).toEqual({
      prompt_tokens: 50,
      input_tokens: 50,
      output_tokens: 272,
      total_tokens: 322,
      input_tokens_details: { text_tokens: 40, image_tokens: 10 },
    });
    expect((await draw({ prompt }, "dall-e-2", scripted)).usage).toBeUndefined();
    const nonsense = await draw({ prompt: "[sandbox:text-tokens=1.5]" }, "gpt-image-1", scripted);
    expect(nonsense.usage?.input_tokens_details).toEqual({ text_tokens: 7, image_tokens: 0 });
  });

  test("are only words where they are not switched on", async () => {
    expect((await draw({ prompt: "[sandbox:fail=500]", size: "16x16" })).images).toHaveLength(1);
  });
});

test("every n-th call fails when told to", async () => {
  const provider = create({ SANDBOX_FAIL_EVERY: "2" });
  const call = aCall({ model: "m", parameters: { prompt: "a", size: "16x16" } });
  await provider.generate(call);
  expect((await failureOf(provider.generate(call))).facts.retryable).toBe(true);
  await provider.generate(call);
});
