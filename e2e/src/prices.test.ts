import { generationSchema } from "@darkroom/contracts";
import type OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { openStack, type Stack } from "./stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await openStack();
  return stack.close;
});

type Request = Omit<OpenAI.Images.ImageGenerateParamsNonStreaming, "prompt">;

/** Twenty bytes of prompt are five tokens by the sandbox's rule. */
const prompt = "A lighthouse at dusk";
const promptTokens = 5;

/** Draws through the SDK, and gives what the answer and the generation say it cost, and the usage. */
async function costOf(request: Request, asked = prompt) {
  const call = stack.openai().images.generate({ ...request, prompt: asked });
  const { data, response } = await call.withResponse();
  const { cost } = await readGeneration(response.headers.get("x-generation-id"));
  return {
    told: response.headers.get("x-generation-cost"),
    cost,
    images: data.data?.length,
    usage: data.usage,
    svgUsage: data.svg_usage,
  };
}

async function readGeneration(id: string | null) {
  const response = await fetch(`${stack.origin}/v1/generations/${id}`, {
    headers: { authorization: `Bearer ${stack.apiKey}` },
  });
  return generationSchema.parse(await response.json());
}

describe("the price table of the API reference", () => {
  test.each([
    ["dall-e-2", "standard", "256x256", 16_000],
    ["dall-e-2", "standard", "512x512", 18_000],
    ["dall-e-2", "standard", "1024x1024", 20_000],
    ["dall-e-3", "standard", "1024x1024", 40_000],
    ["dall-e-3", "hd", "1024x1024", 80_000],
  ] as const)("%s %s %s costs %i micros", async (model, quality, size, micros) => {
    expect(await costOf({ model, quality, size })).toMatchObject({ told: String(micros), cost: micros, images: 1 });
  });

  // $0.002 for 1,000 text tokens is 2 micros for one.
  test.each([
    ["low", 20_000],
    ["medium", 40_000],
    ["high", 80_000],
  ] as const)("gpt-image-1 %s 1024x1024 costs %i micros, and the tokens of the prompt", async (quality, micros) => {
    const cost = micros + 2 * promptTokens;
    const request = { model: "gpt-image-1", quality, size: "1024x1024" } as const;
    expect(await costOf(request)).toMatchObject({ told: String(cost), cost, images: 1 });
  });
});

describe("beside the table", () => {
  test("the token example of the reference, 40 text and 10 image tokens, costs 180 micros beside the image", async () => {
    const request = { model: "gpt-image-1", quality: "high", size: "1024x1024" } as const;
    const answer = await costOf(request, "A fox [sandbox:text-tokens=40,image-tokens=10]");
    expect(answer).toMatchObject({
      told: "80180",
      cost: 80_180,
      usage: { prompt_tokens: 50, input_tokens_details: { text_tokens: 40, image_tokens: 10 } },
    });
  });

  test("every image is billed, and the prompt once", async () => {
    const answer = await costOf({ model: "gpt-image-1", quality: "low", size: "1024x1024", n: 3 });
    expect(answer).toMatchObject({ told: "60010", cost: 60_010, images: 3 });
  });

  test("what was left to the model is billed as the model chose", async () => {
    expect(await costOf({ model: "gpt-image-1" })).toMatchObject({ told: "80010", cost: 80_010 });
    expect(await costOf({ model: "dall-e-2" })).toMatchObject({ told: "20000", cost: 20_000 });
  });

  test("a refused prompt costs nothing", async () => {
    const response = await stack.generate({ model: "dall-e-2", prompt: "A cat [sandbox:fail=moderation_blocked]" });
    expect([response.status, response.headers.get("x-generation-cost")]).toEqual([400, "0"]);
    expect(await readGeneration(response.headers.get("x-generation-id"))).toMatchObject({ status: "failed", cost: 0 });
  });

  // At $30 for a million output tokens, 1,756 of them are 52,680 micros; at $5, the tokens of the prompt are 25.
  test.each([
    ["gpt-image-2", "medium", 52_680 + 25],
    ["gpt-image-2.5-flare", "high", 52_680 + 25],
    ["doubao-seedream-3-0-t2i", undefined, 30_000],
  ] as const)("%s %s 1024x1024 costs %i micros", async (model, quality, cost) => {
    const request = { model, size: "1024x1024", ...(quality && { quality }) } as const;
    expect(await costOf(request)).toMatchObject({ told: String(cost), cost, images: 1 });
  });

  // 1,756 tokens of the reference image are 52,680 micros, and those of the prompt 25; $0.10 and $0.50 for a million of the author's.
  test("an SVG costs the image that it is drawn after, and the tokens of its author", async () => {
    const svg = { model: "gpt-6-luna" };
    const request = {
      model: "gpt-image-2.6-flare",
      quality: "high",
      size: "1024x1024",
      output_format: "svg",
      svg,
    } as const;
    const { svgUsage, ...answer } = await costOf(request);
    expect(svgUsage).toMatchObject({ model: "gpt-6-luna", input_tokens: promptTokens, reasoning_tokens: 0 });
    const author = Math.floor((promptTokens * 100 + (svgUsage?.output_tokens ?? 0) * 500 + 500) / 1_000);
    const cost = 52_680 + 25 + author;
    expect(answer).toMatchObject({ told: String(cost), cost, images: 1 });
  });

  test("an SVG whose author has no price has an unknown cost, and not none", async () => {
    const svg = { model: "gpt-9" };
    const request = { model: "gpt-image-2.6-flare", size: "1024x1024", output_format: "svg", svg } as const;
    expect(await costOf(request)).toMatchObject({ told: null, cost: null, images: 1 });
  });

  test("a GIF costs the sheet of its frames", async () => {
    const frames = { output_format: "gif", size: "480x480", frame_count: 4 } as const;
    const request = { model: "gpt-image-2.6-flare", quality: "high" } as const;
    const { cost } = await costOf({ ...request, size: "1440x1440" });
    expect(await costOf({ ...request, ...frames })).toMatchObject({ cost, images: 1 });
  });
});
