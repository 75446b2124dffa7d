import { createOpenAI } from "@ai-sdk/openai";
import { generateImage } from "ai";
import OpenAI7 from "openai";
import OpenAI4 from "openai-4";
import OpenAI5 from "openai-5";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { measureImage, measureLink } from "./measure-image.ts";
import { pythonWithOpenai } from "./python-with-openai.ts";
import { runProgram } from "./run-program.ts";
import { openStack, type Stack } from "./stack.ts";

/*
 * Real clients, as their own documents have them called: each draws with and without `response_format`, and what it
 * hands to its caller is decoded and measured.
 */

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ environment: { SANDBOX_INSTANT: "true" } });
  return stack.close;
});

const settings = () => ({ apiKey: stack.apiKey, baseURL: `${stack.origin}/v1` });
const size = "1024x1024";
const picture = { size, format: "png", isOpaque: true };
const prompt = "A lighthouse at dusk";

type Format = "url" | "b64_json";
type Request = { model: string; prompt: string; size: typeof size; n?: number; response_format?: Format };
type Drawn = { b64_json?: string | null | undefined; url?: string | null | undefined };

/** What a caller got of each image, with what each way to it leads to. */
const measured = (drawn: readonly Drawn[]) =>
  Promise.all(
    drawn.map(async ({ b64_json, url }) => ({
      ...(typeof b64_json === "string" && { b64_json: await measureImage(b64_json) }),
      ...(typeof url === "string" && { url: await measureLink(url) }),
    })),
  );

/** One image, in the ways that were asked for, and it is the picture. */
const onePicture = (ways: readonly Format[]) => [
  Object.fromEntries(ways.map((way) => [way, way === "url" ? { ...picture, contentType: "image/png" } : picture])),
];

/** What a client asks for, and what it then gets. */
type Case = { model: string; response_format?: Format; ways: Format[] };
const cases: Case[] = [
  { model: "gpt-image-2", ways: ["b64_json", "url"] },
  { model: "gpt-image-2", response_format: "url", ways: ["url"] },
  { model: "gpt-image-2", response_format: "b64_json", ways: ["b64_json"] },
  { model: "dall-e-3", ways: ["url"] },
  { model: "dall-e-3", response_format: "url", ways: ["url"] },
  { model: "dall-e-3", response_format: "b64_json", ways: ["b64_json"] },
  { model: "doubao-seedream-3-0-t2i", ways: ["url"] },
  { model: "doubao-seedream-3-0-t2i", response_format: "b64_json", ways: ["b64_json"] },
];

type Sdk = { images: { generate(request: Request): PromiseLike<{ data?: Drawn[] }> } };
const sdks: Record<string, () => Sdk> = {
  "openai 4": () => new OpenAI4(settings()),
  "openai 5": () => new OpenAI5(settings()),
  "openai 6": () => new OpenAI6(settings()),
  "openai 7": () => new OpenAI7(settings()),
};

describe.each(Object.keys(sdks))("%s", (name) => {
  test.each(cases)("draws with $model, response_format $response_format", async ({ ways, ...body }) => {
    const { data = [] } = (await sdks[name]?.().images.generate({ prompt, size, ...body })) ?? {};
    expect(await measured(data)).toEqual(onePicture(ways));
  });
});

/** Those that know the events of images: version 4 takes them for text. */
const streams: Record<string, (request: Request) => Promise<AsyncIterable<unknown>>> = {
  "openai 5": (request) => new OpenAI5(settings()).images.generate({ ...request, stream: true }),
  "openai 6": (request) => new OpenAI6(settings()).images.generate({ ...request, stream: true }),
  "openai 7": (request) => new OpenAI7(settings()).images.generate({ ...request, stream: true }),
};
const completedSchema = z.object({ type: z.literal("image_generation.completed"), b64_json: z.string() });

describe.each(Object.keys(streams))("%s", (name) => {
  test.each(["gpt-image-2", "dall-e-3", "doubao-seedream-3-0-t2i"])("streams %s", async (model) => {
    const events = [];
    for await (const event of (await streams[name]?.({ model, prompt, size })) ?? []) events.push(event);
    expect(events).toHaveLength(1);
    expect(await measureImage(completedSchema.parse(events[0]).b64_json)).toEqual(picture);
  });
});

const limitsSchema = z.object({ images: z.int(), sizes: z.object({ min_pixels: z.int().nullable() }) });
const modelsSchema = z.object({ data: z.array(z.object({ id: z.string(), limits: limitsSchema })) });

// The client decides by the name of the model: it sends no `response_format` for those that it knows to answer with base64.
describe("the AI SDK 7, with its OpenAI provider", () => {
  const generate = (model: string, n: number, ofSize: "1024x1024" | "2048x2048" = size) =>
    generateImage({ model: createOpenAI(settings()).image(model), prompt, size: ofSize, n, maxRetries: 0 });

  test("draws with every model that is served, one and two images", async () => {
    const answer = await fetch(`${stack.origin}/v1/models`, { headers: { authorization: `Bearer ${stack.apiKey}` } });
    const { data: models } = modelsSchema.parse(await answer.json());
    expect(models.filter(({ id }) => id.startsWith("gpt-image")).length).toBeGreaterThan(3);
    for (const { id, limits } of models) {
      for (const n of [1, 2].filter((count) => count <= limits.images)) {
        const ofSize = (limits.sizes.min_pixels ?? 0) > 1_024 * 1_024 ? "2048x2048" : size;
        const { images, warnings } = await generate(id, n, ofSize);
        expect({ id, images: images.length, warnings }).toEqual({ id, images: n, warnings: [] });
        for (const { uint8Array } of images) {
          expect(await measureImage(Buffer.from(uint8Array))).toEqual({ ...picture, size: ofSize });
        }
      }
    }
  });

  test("reads the usage and what came of the request", async () => {
    const { usage, providerMetadata } = await generate("gpt-image-2", 1);
    expect(usage).toMatchObject({ inputTokens: expect.any(Number), outputTokens: expect.any(Number) });
    expect(providerMetadata["openai"]).toMatchObject({ images: [{ size, quality: "high", outputFormat: "png" }] });
  });
});

// It knows dall-e-2 and dall-e-3: it always sends a `style` and the quality `standard`, which no other model has.
describe("LangChain's DallEAPIWrapper", () => {
  const drawWith = async (format: Format): Promise<string> => {
    // Only here: it takes longer to load than all others together.
    const { DallEAPIWrapper } = await import("@langchain/openai");
    const tool = new DallEAPIWrapper({
      apiKey: stack.apiKey,
      baseUrl: `${stack.origin}/v1`,
      model: "dall-e-3",
      dallEResponseFormat: format,
    });
    return z.string().parse(await tool.invoke(prompt));
  };

  test("draws, behind a link", async () => {
    expect(await measureLink(await drawWith("url"))).toMatchObject(picture);
  });

  test("draws, as base64", async () => {
    expect(await measureImage(await drawWith("b64_json"))).toEqual(picture);
  });
});

const python = await pythonWithOpenai();
const program = `
import json, sys, time
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2])

def draw(body):
    if body.pop("stream", False):
        events = client.images.generate(stream=True, **body)
        return [{"b64_json": event.b64_json} for event in events if event.type == "image_generation.completed"]
    return [{"b64_json": image.b64_json, "url": image.url} for image in client.images.generate(**body).data]

def batched(body):
    line = {"custom_id": "one", "method": "POST", "url": "/v1/images/generations", "body": body}
    file = client.files.create(purpose="batch", file=("lines.jsonl", json.dumps(line).encode()))
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/images/generations", completion_window="24h")
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    return [batch.status, batch.usage.input_tokens_details.cached_tokens, batch.usage.output_tokens_details.reasoning_tokens]

bodies = json.load(sys.stdin)
print(json.dumps({"drawn": [draw(dict(body)) for body in bodies], "batch": batched(bodies[0])}))
`;

describe.skipIf(python === null)("openai-python", () => {
  const asked: (Case & { stream?: true })[] = [...cases, { model: "gpt-image-2", stream: true, ways: ["b64_json"] }];
  const imageSchema = z.object({ b64_json: z.string().nullish(), url: z.string().nullish() });
  const printedSchema = z.object({ drawn: z.array(z.array(imageSchema)), batch: z.array(z.unknown()) });
  let told: z.infer<typeof printedSchema>;
  // In one program: it takes seconds to begin.
  beforeAll(async () => {
    const input = JSON.stringify(asked.map(({ ways: _ways, ...body }) => Object.assign({ prompt, size }, body)));
    const printed = await runProgram(python ?? "", ["-c", program, `${stack.origin}/v1`, stack.apiKey], { input });
    told = printedSchema.parse(JSON.parse(printed));
  });

  test.each(asked)("draws with $model, response_format $response_format, stream $stream", async (each) => {
    const drawn = told.drawn[asked.indexOf(each)] ?? [];
    expect(await measured(drawn)).toEqual(onePicture(each.ways));
  });

  test("reads the tokens of a batch, of which it takes two numbers for granted", () => {
    expect(told.batch).toEqual(["completed", 0, 0]);
  });
});
