import { startFakeOpenAi } from "@darkroom/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { aCall, examineProvider, failureOf } from "../examine-provider.fixture.ts";
import { createHttpDoor } from "../http/http-door.ts";
import { httpSettingsSchema } from "../http/settings.ts";
import refusals from "./fixtures/refusals.json" with { type: "json" };
import { settingsSchema } from "./options.ts";
import { openai } from "./provider.ts";

const upstream = await startFakeOpenAi();
const http = createHttpDoor(httpSettingsSchema.parse({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true" }));
afterEach(() => upstream.reset());
afterAll(async () => {
  await http.close();
  await upstream.close();
});

const key = "test-key-0123456789";
const create = (env: Record<string, string> = {}) =>
  openai.create(settingsSchema.parse({ OPENAI_API_KEY: key, OPENAI_BASE_URL: upstream.baseUrl, ...env }), { http });
const prompt = "a secret garden at dawn";
const draw = (parameters: object = {}, overrides: object = {}) =>
  create().generate(
    aCall({ model: "gpt-image-1", parameters: { prompt, size: "64x48", ...parameters }, ...overrides }),
  );
const sentBody = () => upstream.requests[0]?.body;

examineProvider({
  provider: () => create(),
  model: "gpt-image-1",
  size: "1024x1024",
  slow: () => upstream.always({ delayMs: 3000 }),
  broken: () => upstream.next({ status: 500, body: { error: { message: `failed on ${prompt}` } } }),
});

describe("the request", () => {
  test("to a GPT image model holds what the caller gave and the count, and no response_format", async () => {
    await draw({ quality: "high", background: "opaque", user: "u1", n: 3 }, { indexes: [1, 2] });
    expect(sentBody()).toEqual({
      model: "gpt-image-1",
      prompt,
      size: "64x48",
      quality: "high",
      background: "opaque",
      user: "u1",
      n: 2,
    });
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

  test("without readable usage is delivered all the same", async () => {
    upstream.next({ extra: { usage: { input_tokens: "many" } } });
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
    ["an image of another type than it says", { imageFault: "mislabelled" }],
    ["a GIF", { imageFault: "gif" }],
  ] as const)("%s is an upstream error that may have been charged", async (_, behaviour) => {
    upstream.next(behaviour);
    expect((await failureOf(draw())).facts).toMatchObject({
      code: "upstream_error",
      retryable: false,
      mayHaveCharged: true,
    });
  });
});
