import { imageResponseSchema } from "@darkroom/contracts";
import type OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { measureImage, measureLink } from "./measure-image.ts";
import { openStack, type Stack } from "./stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

type Request = OpenAI.Images.ImageGenerateParamsNonStreaming;

/** What the SDK returns, held against our own schema of it. */
const generate = async (request: Request) => imageResponseSchema.parse(await stack.openai().images.generate(request));

/** Every size of each model of the API reference; of the sizes that only obey a rule, the smallest, the largest and odd ones. */
const sizes: Record<string, readonly string[]> = {
  "dall-e-2": ["256x256", "512x512", "1024x1024"],
  "dall-e-3": ["1024x1024", "1792x1024", "1024x1792"],
  "gpt-image-1": ["1024x1024", "1536x1024", "1024x1536"],
  "doubao-seedream-3-0-t2i": ["512x512", "1024x1024", "2048x2048", "512x2048", "1001x777"],
};

const everySize = Object.entries(sizes).flatMap(([model, values]) => values.map((size) => [model, size] as const));

describe("every size of every model, as a link and as base64, is a picture of that size", () => {
  test.each(everySize)("%s %s", async (model, size) => {
    const request = { model, size, prompt: "A lighthouse at dusk" };
    const [linked, embedded] = await Promise.all([
      generate({ ...request, response_format: "url" }),
      generate({ ...request, response_format: "b64_json" }),
    ]);
    expect(linked.data).toEqual([expect.objectContaining({ size, url: expect.any(String), b64_json: null })]);
    expect(embedded.data).toEqual([expect.objectContaining({ size, b64_json: expect.any(String) })]);
    expect(embedded.data[0]).not.toHaveProperty("url");
    const picture = { size, format: "png", isOpaque: true };
    expect(await measureLink(linked.data[0]?.url ?? "")).toEqual({ ...picture, contentType: "image/png" });
    expect(await measureImage(embedded.data[0]?.b64_json ?? "")).toEqual(picture);
  });
});

describe("a model tells what belongs to its family, and nothing else", () => {
  const plain = ["b64_json", "size", "url"];
  test.each([
    ["dall-e-2", ["created"], [...plain, "quality"]],
    ["dall-e-3", ["created"], [...plain, "quality", "revised_prompt"]],
    [
      "gpt-image-1",
      ["background", "created", "output_format", "quality", "size", "usage"],
      [...plain, "output_format", "quality"],
    ],
    ["doubao-seedream-3-0-t2i", ["created"], plain],
  ])("%s", async (model, headKeys, imageKeys) => {
    const { data, ...head } = await generate({ model, prompt: "A lighthouse at dusk", size: "1024x1024" });
    expect(Object.keys(head).toSorted()).toEqual(headKeys);
    expect(data.map((image) => Object.keys(image).toSorted())).toEqual([imageKeys.toSorted()]);
  });

  test("dall-e-3 says how it revised the prompt", async () => {
    const { data } = await generate({ model: "dall-e-3", prompt: "A lighthouse at dusk", style: "natural" });
    expect(data[0]?.revised_prompt).toMatch(/^A lighthouse at dusk, .*natural/);
  });
});

describe("gpt-image-2.6-flare", () => {
  const request = { model: "gpt-image-2.6-flare", prompt: "A lighthouse", quality: "low" } as const;

  test.each([
    ["gif", "image/gif", { output_format: "gif", size: "480x320", frame_count: 3, frame_duration_ms: 80 }],
    ["svg", "image/svg+xml", { output_format: "svg", size: "1024x640", svg: { model: "gpt-6-luna" } }],
  ] as const)("output_format %s is what the bytes are, in base64 and behind the link", async (format, type, asked) => {
    const answer = await generate({ ...request, ...asked });
    expect(answer).toMatchObject({ output_format: format, size: asked.size });
    const image = { format, size: asked.size };
    expect(await measureImage(answer.data[0]?.b64_json ?? "")).toMatchObject(image);
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject({ ...image, contentType: type });
    expect(answer.svg_usage?.model).toBe(format === "svg" ? "gpt-6-luna" : undefined);
  });
});

describe("gpt-image-1", () => {
  const request = { model: "gpt-image-1", prompt: "A sticker of a fox", size: "1024x1024" } as const;

  test.each(["png", "jpeg", "webp"] as const)("output_format %s is what the bytes are", async (format) => {
    const answer = await generate({ ...request, output_format: format, response_format: "b64_json" });
    expect(answer.data[0]?.output_format).toBe(format);
    expect(await measureImage(answer.data[0]?.b64_json ?? "")).toMatchObject({ format });
    const linked = await generate({ ...request, output_format: format });
    expect(await measureLink(linked.data[0]?.url ?? "")).toMatchObject({ format, contentType: `image/${format}` });
  });

  test.each(["png", "webp"] as const)("a transparent background is transparent in %s", async (format) => {
    const transparent = { ...request, background: "transparent", output_format: format } as const;
    const answer = await generate({ ...transparent, response_format: "b64_json" });
    expect(answer.background).toBe("transparent");
    expect(await measureImage(answer.data[0]?.b64_json ?? "")).toMatchObject({ format, isOpaque: false });
  });

  test("an opaque background is opaque, and said to be", async () => {
    const answer = await generate({ ...request, background: "opaque", response_format: "b64_json" });
    expect(answer.background).toBe("opaque");
    expect(await measureImage(answer.data[0]?.b64_json ?? "")).toMatchObject({ isOpaque: true });
  });

  test("less quality in output_compression is fewer bytes", async () => {
    const jpeg = { ...request, output_format: "jpeg", response_format: "b64_json" } as const;
    const [coarse, fine] = await Promise.all([
      generate({ ...jpeg, output_compression: 10 }),
      generate({ ...jpeg, output_compression: 100 }),
    ]);
    expect(coarse.data[0]?.b64_json?.length).toBeLessThan((fine.data[0]?.b64_json?.length ?? 0) / 2);
  });

  test("a size left to the model is measured and told", async () => {
    const answer = await generate({ ...request, size: "auto", response_format: "b64_json" });
    const { size } = await measureImage(answer.data[0]?.b64_json ?? "");
    expect(answer.data[0]?.size).toBe(size);
  });

  test("two images are two images, and usage counts both", async () => {
    const [one, two] = await Promise.all([
      generate({ ...request, n: 1, response_format: "b64_json" }),
      generate({ ...request, n: 2, response_format: "b64_json" }),
    ]);
    expect(new Set(two.data.map((image) => image.b64_json)).size).toBe(2);
    expect(two.usage?.output_tokens).toBe(2 * (one.usage?.output_tokens ?? 0));
    expect(two.usage?.total_tokens).toBe((two.usage?.input_tokens ?? 0) + (two.usage?.output_tokens ?? 0));
    expect(two.usage?.prompt_tokens).toBe(two.usage?.input_tokens);
  });
});

describe("doubao-seedream-3-0-t2i", () => {
  // The SDK knows nothing of these three and sends them all the same.
  const draw = async (own: { seed?: number; guidance_scale?: number; watermark?: boolean }) => {
    const model = "doubao-seedream-3-0-t2i";
    const request = { model, prompt: "A koi pond", size: "512x512", response_format: "b64_json", ...own } as const;
    return (await generate(request)).data.map((image) => image.b64_json);
  };

  test("the same seed is the same picture, another seed another", async () => {
    const own = { guidance_scale: 7.5, watermark: false };
    const [first, again, other] = await Promise.all([
      draw({ ...own, seed: 7 }),
      draw({ ...own, seed: 7 }),
      draw({ ...own, seed: 8 }),
    ]);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("a watermark is on the picture when it is asked for", async () => {
    const [marked, unmarked] = await Promise.all([
      draw({ seed: 7, watermark: true }),
      draw({ seed: 7, watermark: false }),
    ]);
    expect(marked).not.toEqual(unmarked);
  });
});

describe("models", () => {
  test("list() has the four models of the API reference", async () => {
    const { data } = await stack.openai().models.list();
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(sizes)));
    for (const model of data) expect(model).toMatchObject({ object: "model", created: expect.any(Number) });
  });

  test.each(Object.keys(sizes))("retrieve(%s) is that model", async (id) => {
    expect(await stack.openai().models.retrieve(id)).toMatchObject({
      id,
      object: "model",
      owned_by: expect.any(String),
    });
  });
});
