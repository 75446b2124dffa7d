import { fakeImage, startFakeOpenAi } from "@darkroom/testing";
import { afterAll, afterEach, describe, expect, onTestFinished, test } from "vitest";
import { createImageChecker } from "../check-image.ts";
import { examineAnswers } from "../examine-answers.fixture.ts";
import { aCall, examineProvider, failureOf } from "../examine-provider.fixture.ts";
import { createHttpClient } from "../http/http-client.ts";
import { httpSettingsSchema } from "../http/settings.ts";
import type { PartialImage } from "../image-provider.ts";
import refusals from "./fixtures/refusals.json" with { type: "json" };
import { settingsSchema } from "./options.ts";
import { openai } from "./provider.ts";

const upstream = await startFakeOpenAi();
const http = createHttpClient(
  httpSettingsSchema.parse({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true", PROVIDER_MAX_REPLY_BYTES: "10000000" }),
);
const images = createImageChecker();
afterEach(() => upstream.reset());
afterAll(async () => {
  images.close();
  await http.close();
  await upstream.close();
});

const key = "test-key-0123456789";
const create = (env: Record<string, string> = {}) =>
  openai.create(settingsSchema.parse({ OPENAI_API_KEY: key, OPENAI_BASE_URL: upstream.baseUrl, ...env }), {
    http,
    images,
  });
const prompt = "a secret garden at dawn";
const picture = (await fakeImage(8, 8, "png")).toString("base64");
const draw = (parameters: object = {}, overrides: object = {}) =>
  create().generate(
    aCall({ model: "gpt-image-1", parameters: { prompt, size: "64x48", ...parameters }, ...overrides }),
  );
const sentBody = () => upstream.requests[0]?.body;

examineProvider({
  provider: () => create(),
  model: "gpt-image-1",
  size: "1024x1024",
  showsPartials: true,
  slow: () => upstream.always({ delayMs: 3000 }),
  broken: () => upstream.next({ status: 500, body: { error: { message: `failed on ${prompt}` } } }),
});

examineAnswers({
  name: "openai",
  upstream,
  secrets: [key, prompt, "sk-proj-"],
  draw: (n, partials) =>
    draw(
      { n },
      {
        indexes: Array.from({ length: n }, (_, index) => index),
        ...(partials && { partialImages: 1, onPartial: async () => {} }),
      },
    ),
});

describe("the request", () => {
  test("to a GPT image model holds what the caller gave and the count, and no response_format", async () => {
    await draw(
      { quality: "high", background: "opaque", user: "u1", safety_identifier: "s1", n: 3 },
      { indexes: [1, 2] },
    );
    expect(sentBody()).toEqual({
      model: "gpt-image-1",
      prompt,
      size: "64x48",
      quality: "high",
      background: "opaque",
      user: "u1",
      safety_identifier: "s1",
      n: 2,
    });
  });

  test("to GPT Image 2.6 passes on what only it takes", async () => {
    const gif = { complexity: "low", output_format: "gif", frame_count: 4, frame_duration_ms: 100 };
    upstream.next({ body: { data: [{ b64_json: picture }] } });
    await draw({ ...gif, size: "512x512" }, { model: "gpt-image-2.6-flare" });
    expect(sentBody()).toEqual({ model: "gpt-image-2.6-flare", prompt, size: "512x512", n: 1, ...gif });
    upstream.reset();
    const svg = { output_format: "svg", svg: { model: "gpt-6-luna", reasoning: { effort: "low" } } };
    upstream.next({ body: { data: [{ b64_json: picture }] } });
    await draw({ ...svg, safety_identifier: "s-1" }, { model: "gpt-image-2.6-flare" });
    expect(sentBody()).toMatchObject({ ...svg, safety_identifier: "s-1" });
  });

  test("passes on what the operator declared for the model, and that changes nothing else", async () => {
    await draw({ custom: { steps: 9, loras: [{ path: "a" }], n: 10, model: "dear" } }, { model: "flux" });
    expect(sentBody()).toEqual({ model: "flux", prompt, size: "64x48", n: 1, steps: 9, loras: [{ path: "a" }] });
  });

  test("to DALL·E asks for base64", async () => {
    await draw({ style: "vivid" }, { model: "dall-e-3" });
    expect(sentBody()).toEqual({
      model: "dall-e-3",
      prompt,
      size: "64x48",
      style: "vivid",
      n: 1,
      response_format: "b64_json",
    });
  });

  test.each([
    [{ output_compression: 85 }, undefined],
    [{ output_compression: 85, output_format: "png" }, undefined],
    [{ output_compression: 85, output_format: "jpeg" }, 85],
    [{ output_compression: 0, output_format: "webp" }, 0],
  ])("with %j sends output_compression %s", async (parameters, compression) => {
    await draw(parameters);
    expect(sentBody()?.["output_compression"]).toBe(compression);
  });

  test("carries key, generation id, organization and extra headers", async () => {
    const provider = create({ OPENAI_ORGANIZATION: "org-1", OPENAI_EXTRA_HEADERS: '{"x-team":"images"}' });
    const call = aCall({ model: "gpt-image-1" });
    await provider.generate(call);
    expect(upstream.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${key}`,
      "x-client-request-id": call.generationId,
      "openai-organization": "org-1",
      "x-team": "images",
    });
    expect(upstream.requests[0]?.headers).not.toHaveProperty("idempotency-key");
  });
});

describe("the reply", () => {
  test("leaves out labels that are longer than any that a server has, cuts a prompt, and delivers the image", async () => {
    const fields = { quality: "x".repeat(65), background: "y".repeat(65) };
    upstream.next({ body: { ...fields, data: [{ b64_json: picture, revised_prompt: "z".repeat(32_001) }] } });
    const reply = await draw();
    expect(reply).toMatchObject({ quality: undefined, background: undefined });
    expect(reply.images).toMatchObject([{ mediaType: "image/png", revisedPrompt: "z".repeat(32_000) }]);
    const longest = { quality: "x".repeat(64), background: "y".repeat(64) };
    upstream.next({ body: { ...longest, data: [{ b64_json: picture, revised_prompt: "z".repeat(32_000) }] } });
    expect(await draw()).toMatchObject({ ...longest, images: [{ revisedPrompt: "z".repeat(32_000) }] });
  });

  test("cuts a long prompt between two characters, not within one", async () => {
    upstream.next({ body: { data: [{ b64_json: picture, revised_prompt: `${"z".repeat(31_999)}🐈z` }] } });
    expect((await draw()).images).toMatchObject([{ revisedPrompt: "z".repeat(31_999) }]);
  });

  test("gives usage under both names, quality and background as they were resolved", async () => {
    expect(await draw({ quality: "auto" })).toMatchObject({
      quality: "high",
      background: "opaque",
      usage: {
        prompt_tokens: 13,
        input_tokens: 13,
        output_tokens: 4160,
        total_tokens: 4173,
        input_tokens_details: { text_tokens: 13, image_tokens: 0 },
      },
    });
  });

  test.each([
    ["unreadable", { input_tokens: "many" }],
    ["of a number that no image has", { input_tokens: 5, output_tokens: 9_007_199_254_740_000 }],
    ["without its output, which would be billed as nothing", { input_tokens: 5 }],
  ])("with a usage that is %s is delivered all the same, and has none", async (_, usage) => {
    upstream.next({ extra: { usage } });
    const reply = await draw();
    expect(reply.images).toHaveLength(1);
    expect(reply.usage).toBeUndefined();
  });

  test("with output_tokens_details passes them on", async () => {
    const details = { text_tokens: 1, image_tokens: 2 };
    upstream.next({ extra: { usage: { prompt_tokens: 5, output_tokens: 3, output_tokens_details: details } } });
    expect((await draw()).usage).toEqual({
      prompt_tokens: 5,
      input_tokens: 5,
      output_tokens: 3,
      total_tokens: 8,
      input_tokens_details: { text_tokens: 5, image_tokens: 0 },
      output_tokens_details: details,
    });
  });

  test("whose image is of another type than its label says tells so for the log", async () => {
    upstream.next({ imageFault: "mislabelled" });
    expect(await draw()).toMatchObject({
      images: [{ mediaType: "image/png" }],
      oddities: ["labelled as webp, and is image/png"],
    });
  });

  test("may name URLs, which are fetched", async () => {
    upstream.next({ as: "url" });
    const reply = await draw({ output_format: "webp" }, { indexes: [0, 1] });
    expect(reply.images).toMatchObject([{ mediaType: "image/webp", width: 64, height: 48 }, { index: 1 }]);
  });

  test("may hide base64 in a data: URL", async () => {
    upstream.next({
      as: "url",
      imageUrl:
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
    });
    expect((await draw()).images[0]).toMatchObject({ mediaType: "image/png", width: 1, height: 1 });
  });

  test("holds DALL·E 3's revised prompt", async () => {
    expect((await draw({}, { model: "dall-e-3" })).images[0]?.revisedPrompt).toBe(`${prompt}, revised`);
  });

  test("with fewer images than asked for says which are missing, and does not ask for them to be bought again", async () => {
    upstream.next({ count: 2 });
    const reply = await draw({}, { indexes: [0, 1, 2] });
    expect(reply.images.map(({ index }) => index)).toEqual([0, 1]);
    expect(reply.missing).toMatchObject([{ index: 2, error: { facts: { retryable: false, mayHaveCharged: true } } }]);
  });
});

describe("a refusal of OpenAI", () => {
  test.each(refusals)("$name", async ({ status, headers, body, expect: facts, message }) => {
    upstream.next({ status, body, headers });
    const error = await failureOf(draw());
    expect(error.facts).toMatchObject({ ...facts, upstreamStatus: status });
    expect(error.message).toContain(message ?? "");
    expect(error.facts.retryAfterMs).toBe("retryAfterMs" in facts ? facts.retryAfterMs : undefined);
    const told = JSON.stringify([error.message, error.facts.detail]);
    expect(told).not.toMatch(/org-|sk-|secret garden|test-key/);
    expect(upstream.requests).toHaveLength(1);
  });

  test("Retry-After as an HTTP date", async () => {
    upstream.next({ status: 429, body: {}, headers: { "retry-after": new Date(Date.now() + 30_000).toUTCString() } });
    const { retryAfterMs } = (await failureOf(draw())).facts;
    expect(retryAfterMs).toBeGreaterThan(25_000);
    expect(retryAfterMs).toBeLessThanOrEqual(30_000);
  });
});

describe("a 200 that is none", () => {
  test.each([
    ["HTML", { body: "<html>hello</html>" }],
    ["broken JSON", { body: '{"data":[{"b64' }],
    ["no images", { body: { created: 1, data: [] } }],
    ["no data", { body: { created: 1 } }],
    ["null", { body: "null" }],
    ["an image without content", { body: { data: [{ revised_prompt: "x" }] } }],
    ["truncated base64", { imageFault: "truncated" }],
    ["zero bytes", { imageFault: "empty" }],
    ["no image in the base64", { imageFault: "garbage" }],
    ["a TIFF", { imageFault: "tiff" }],
  ] as const)("%s is an upstream error that may have been charged", async (_, behaviour) => {
    upstream.next(behaviour);
    expect((await failureOf(draw())).facts).toMatchObject({
      code: "upstream_error",
      retryable: false,
      mayHaveCharged: true,
    });
  });
});

describe("a stream", () => {
  const drawStreamed = async (overrides: object = {}) => {
    const shown: PartialImage[] = [];
    const onPartial = async (partial: PartialImage) => void shown.push(partial);
    const reply = await draw({ n: 2 }, { indexes: [0, 1], partialImages: 2, onPartial, ...overrides });
    return { reply, shown: shown.map(({ index, partialIndex }) => `${index}.${partialIndex}`) };
  };
  const moderated = {
    event: "error",
    data: { type: "error", error: { type: "image_generation_user_error", code: "moderation_blocked", message: "No." } },
  };

  test("is asked for only where the request wants partial images", async () => {
    await draw({}, { partialImages: 0, onPartial: async () => {} });
    await drawStreamed();
    const asked = upstream.requests.map(({ body }) => [body["stream"], body["partial_images"]]);
    expect(asked).toEqual([
      [undefined, undefined],
      [true, 2],
    ]);
  });

  test("gives the same reply as one body does, the usage of its images added up", async () => {
    const whole = await draw({ n: 2 }, { indexes: [0, 1] });
    const { reply, shown } = await drawStreamed();
    expect(reply).toEqual(whole);
    expect(shown).toEqual(["0.0", "1.0", "0.1", "1.1"]);
  });

  test("may be cut into chunks anywhere", async () => {
    upstream.next({ stream: { chunkBytes: 7 } });
    const { reply, shown } = await drawStreamed();
    expect(reply.images).toHaveLength(2);
    expect(shown).toHaveLength(4);
  });

  test.each([
    ["with CRLF, comments, data of several lines, unknown events and [DONE]", "\r\n"],
    ["with bare LF", "\n"],
  ])("%s is read", async (_, eol) => {
    const base64 = (await fakeImage(4, 4, "png")).toString("base64");
    const lines = [
      ": ping",
      "",
      "event: image_generation.started",
      'data: {"type":"image_generation.started"}',
      "",
      "data: not json",
      "",
      "event: image_generation.completed",
      "data: {",
      `data: "b64_json": "${base64}",`,
      'data: "output_format": "png"}',
      "",
      "data: [DONE]",
      "",
      "",
    ];
    upstream.next({ body: lines.join(eol), headers: { "content-type": "text/event-stream" } });
    const { reply } = await drawStreamed();
    expect(reply.images).toMatchObject([{ index: 0, width: 4, height: 4 }]);
    expect(reply.missing).toMatchObject([{ index: 1, error: { facts: { retryable: false, mayHaveCharged: true } } }]);
  });

  test("that the server does not know of is one body", async () => {
    upstream.next({ stream: "ignored" });
    expect(await drawStreamed()).toMatchObject({ reply: { images: [{ index: 0 }, { index: 1 }] }, shown: [] });
  });

  test("that is refused is refused as any request is", async () => {
    upstream.next({ status: 429, body: { error: { message: "Slow down.", code: "rate_limit_exceeded" } } });
    const { facts } = await failureOf(drawStreamed());
    expect(facts).toMatchObject({ code: "overloaded", retryable: true, mayHaveCharged: false, upstreamStatus: 429 });
  });

  test.each(["truncated", "empty", "garbage", "tiff"] as const)(
    "with a %s version on the way skips it",
    async (partialFault) => {
      upstream.next({ partialFault });
      expect(await drawStreamed()).toMatchObject({ reply: { images: [{ index: 0 }, { index: 1 }] }, shown: [] });
    },
  );

  test.each([
    ["cut", { stop: "cut" }, "upstream_error", 2],
    ["ended", { stop: "end" }, "upstream_error", 2],
    ["ended by an error", { stop: { event: "error", data: { error: { message: "Oops." } } } }, "upstream_error", 2],
    ["ended by moderation", { stop: moderated }, "moderation_blocked", 2],
    ["ended by an error without a name", { stop: { event: "x", data: { error: "Oops." } } }, "upstream_error", 2],
  ] as const)("%s before an image is an error that may have been charged", async (_, stream, code, shows) => {
    upstream.next({ stream: { ...stream, stopAfter: shows } });
    const shown: PartialImage[] = [];
    const onPartial = async (partial: PartialImage) => void shown.push(partial);
    const error = await failureOf(draw({ n: 2 }, { indexes: [0, 1], partialImages: 2, onPartial }));
    expect(error.facts).toMatchObject({ code, retryable: false, mayHaveCharged: true });
    expect(shown).toHaveLength(shows);
    await expect.poll(() => upstream.unfinished()).toBe(0);
  });

  test.each([["cut"], ["end"], [moderated]] as const)(
    "%j between two images delivers the first, and says why the second is missing",
    async (stop) => {
      upstream.next({ stream: { stopAfter: 5, stop } });
      const { reply } = await drawStreamed();
      expect(reply.images).toMatchObject([{ index: 0 }]);
      expect(reply.missing).toMatchObject([{ index: 1, error: { facts: { retryable: false, mayHaveCharged: true } } }]);
    },
  );

  test("that falls silent is left after the idle time", async () => {
    const impatient = createHttpClient(httpSettingsSchema.parse({ PROVIDER_IDLE_TIMEOUT_MS: "300" }));
    onTestFinished(() => impatient.close());
    upstream.next({ stream: { stopAfter: 1, stop: "silence" } });
    const settings = settingsSchema.parse({ OPENAI_API_KEY: key, OPENAI_BASE_URL: upstream.baseUrl });
    const call = aCall({ model: "gpt-image-1", partialImages: 1, onPartial: async () => {} });
    const { facts } = await failureOf(openai.create(settings, { http: impatient, images }).generate(call));
    expect(facts).toMatchObject({ code: "timeout_error", retryable: false, mayHaveCharged: true });
  });

  test("that is larger than allowed is not read to its end", async () => {
    const small = createHttpClient(httpSettingsSchema.parse({ PROVIDER_MAX_REPLY_BYTES: "1000" }));
    onTestFinished(() => small.close());
    upstream.next({
      connection: "endless",
      headers: { "content-type": "text/event-stream" },
    });
    const settings = settingsSchema.parse({ OPENAI_API_KEY: key, OPENAI_BASE_URL: upstream.baseUrl });
    const call = aCall({ model: "gpt-image-1", partialImages: 1, onPartial: async () => {} });
    const { facts } = await failureOf(openai.create(settings, { http: small, images }).generate(call));
    expect(facts).toMatchObject({ code: "upstream_error", mayHaveCharged: true, detail: "BODY_TOO_LARGE" });
  });

  test("ends at once when its reader is aborted, and shows nothing more", async () => {
    upstream.next({ stream: { pauseMs: 100 } });
    const controller = new AbortController();
    const reason = new Error("canceled by its owner");
    let shown = 0;
    const onPartial = async () => {
      shown++;
      controller.abort(reason);
    };
    await expect(drawStreamed({ onPartial, signal: controller.signal })).rejects.toBe(reason);
    expect(shown).toBe(1);
    await expect.poll(() => upstream.unfinished()).toBe(0);
  });
});
