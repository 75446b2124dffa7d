import { imageStreamEventSchema } from "@darkroom/contracts";
import { startFakeOpenAi } from "@darkroom/testing";
import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { measureImage } from "./measure-image.ts";
import { openStack, type Stack } from "./stack.ts";

type Request = Omit<OpenAI.Images.ImageGenerateParamsStreaming, "stream">;
type Event = OpenAI.Images.ImageGenStreamEvent;

/** The smallest that GPT Image 2 draws, so that drawing takes little time beside the delay. */
const size = "1024x640";
const request: Request = { model: "gpt-image-2", prompt: "A lighthouse at dusk", size };

/** All events of a stream, each held against our own schema, and the error that it ended with, if it did. */
async function collect(stack: Stack, more: Partial<Request> = {}) {
  const events: Event[] = [];
  let error: unknown;
  try {
    for await (const event of await stack.openai().images.generate({ ...request, ...more, stream: true })) {
      imageStreamEventSchema.parse(event);
      events.push(event);
    }
  } catch (thrown) {
    error = thrown;
  }
  return { events, error };
}

const typesOf = (events: readonly Event[]) => events.map(({ type }) => type.replace("image_generation.", ""));
const partials = (count: number) => Array<string>(count).fill("partial_image");
const completed = (count: number) => Array<string>(count).fill("completed");

async function expectPictures(events: readonly Event[], format: string): Promise<void> {
  for (const { b64_json, output_format, size: told } of events) {
    expect([output_format, told]).toEqual([format, size]);
    expect(await measureImage(b64_json)).toMatchObject({ size, format });
  }
}

describe("the sandbox", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await openStack({ environment: { SANDBOX_DELAY_MS: "400" } });
    return stack.close;
  });

  test.each([0, 1, 2, 3].flatMap((count) => [1, 2].map((n) => [count, n] as const)))(
    "%i partial images of each of %i images, and then these",
    async (partial_images, n) => {
      // The provider draws for a second for each version. One that is ready only three seconds after the finished images is left out.
      const prompt = `A lighthouse [sandbox:delay=${400 + 1_000 * partial_images}]`;
      const { events, error } = await collect(stack, { prompt, partial_images, n, output_format: "webp" });
      expect(error).toBeUndefined();
      expect(typesOf(events)).toEqual([...partials(partial_images * n), ...completed(n)]);
      const indexes = events.flatMap((event) => ("partial_image_index" in event ? [event.partial_image_index] : []));
      expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
      expect(new Set(events.map(({ b64_json }) => b64_json)).size).toBe(events.length);
      await expectPictures(events, "webp");
    },
  );

  test("usage and pictures are those of the same request without a stream", async () => {
    const whole = await stack.openai().images.generate({ ...request, n: 2, response_format: "b64_json" });
    const { events } = await collect(stack, { n: 2, partial_images: 1 });
    const finished = events.filter((event) => event.type === "image_generation.completed");
    expect(finished.map(({ b64_json }) => b64_json)).toEqual(whole.data?.map(({ b64_json }) => b64_json));
    const total = (key: "input_tokens" | "output_tokens" | "total_tokens") =>
      finished.reduce((sum, { usage }) => sum + usage[key], 0);
    expect([total("input_tokens"), total("output_tokens"), total("total_tokens")]).toEqual([
      whole.usage?.input_tokens,
      whole.usage?.output_tokens,
      whole.usage?.total_tokens,
    ]);
  });

  test.each(["gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5"])("%s streams, too", async (model) => {
    const { events } = await collect(stack, { model, size: "1024x1024", partial_images: 1 });
    expect(typesOf(events)).toEqual(["partial_image", "completed"]);
  });

  test("a failure on the way is thrown by the SDK, after what came before it", async () => {
    const prompt = "a cat [sandbox:delay=2000,fail=moderation_blocked]";
    const { events, error } = await collect(stack, { prompt, partial_images: 2 });
    expect(typesOf(events)).toEqual(partials(2));
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: "moderation_blocked", type: "invalid_request_error" });
  });

  test("who leaves after the first partial image reads the finished one by its id", async () => {
    const prompt = "a dog [sandbox:delay=1500]";
    const { data, response } = await stack
      .openai()
      .images.generate({ ...request, prompt, partial_images: 1, stream: true })
      .withResponse();
    for await (const event of data) {
      expect(event.type).toBe("image_generation.partial_image");
      break;
    }
    const headers = { authorization: `Bearer ${stack.apiKey}`, prefer: "wait=20" };
    const answer = await fetch(`${stack.origin}/v1/generations/${response.headers.get("x-generation-id")}`, {
      headers,
    });
    expect(await answer.json()).toMatchObject({ status: "succeeded", response: { data: [{ size }] } });
  });
});

describe("an upstream of OpenAI's format", async () => {
  const upstream = await startFakeOpenAi();
  let stack: Stack;
  beforeAll(async () => {
    stack = await openStack({ environment: { OPENAI_API_KEY: "k-upstream", OPENAI_BASE_URL: upstream.baseUrl } });
    return stack.close;
  });
  afterEach(() => upstream.reset());
  afterAll(() => upstream.close());

  test("its partial images come through, each once it has come", async () => {
    upstream.next({ stream: { pauseMs: 300 } });
    const { events } = await collect(stack, { partial_images: 2, n: 2, output_format: "jpeg" });
    expect(typesOf(events)).toEqual([...partials(4), ...completed(2)]);
    await expectPictures(events, "jpeg");
    expect(upstream.requests).toHaveLength(1);
  });

  test("one that does not stream delivers its images all the same", async () => {
    upstream.next({ stream: "ignored" });
    expect(typesOf((await collect(stack, { partial_images: 3 })).events)).toEqual(completed(1));
  });

  test("bad partial images are left out", async () => {
    upstream.next({ partialFault: "truncated" });
    expect(typesOf((await collect(stack, { partial_images: 3 })).events)).toEqual(completed(1));
  });

  test.each([
    ["a cut", { stopAfter: 1, stop: "cut" }, "upstream_error"],
    [
      "an error",
      { stopAfter: 1, stop: { event: "error", data: { error: { code: "moderation_blocked", message: "No." } } } },
      "moderation_blocked",
    ],
  ] as const)("%s in the middle is the caller's error, and nothing is bought again", async (what, stream, code) => {
    upstream.next({ stream });
    // A request of its own: an equal one would be given the ending of the first.
    const { events, error } = await collect(stack, { prompt: `A lighthouse, and ${what}`, partial_images: 2 });
    expect(typesOf(events)).toEqual(partials(1));
    expect(error).toMatchObject({ code });
    expect(upstream.requests).toHaveLength(1);
  });
});
