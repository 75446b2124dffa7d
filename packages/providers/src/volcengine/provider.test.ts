import { fakeImage, startFakeArk } from "@darkroom/testing";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { createImageChecker } from "../check-image.ts";
import { examineAnswers } from "../examine-answers.fixture.ts";
import { aCall, examineProvider, failureOf } from "../examine-provider.fixture.ts";
import { createHttpClient } from "../http/http-client.ts";
import { httpSettingsSchema } from "../http/settings.ts";
import refusals from "./fixtures/refusals.json" with { type: "json" };
import { settingsSchema } from "./options.ts";
import { volcengine } from "./provider.ts";

const upstream = await startFakeArk();
const http = createHttpClient(
  httpSettingsSchema.parse({ PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true", PROVIDER_MAX_REPLY_BYTES: "10000000" }),
);
const checker = createImageChecker();
afterEach(() => upstream.reset());
afterAll(async () => {
  checker.close();
  await http.close();
  await upstream.close();
});

const key = "ark-key-0123456789";
const provider = volcengine.create(settingsSchema.parse({ ARK_API_KEY: key, ARK_BASE_URL: upstream.baseUrl }), {
  http,
  images: checker,
});
const prompt = "a secret garden at dawn";
const picture = (await fakeImage(8, 8, "jpeg")).toString("base64");
const model = "doubao-seedream-3-0-t2i-250415";
const draw = (parameters: object = {}, indexes: number[] = [0]) =>
  provider.generate(aCall({ model, parameters: { prompt, size: "64x48", ...parameters }, indexes }));
const error = (code: string, message = "x") => ({ error: { code, message } });

examineProvider({
  provider: () => provider,
  model,
  size: "1024x1024",
  slow: () => upstream.always({ delayMs: 3000 }),
  broken: () => upstream.next({ status: 500, body: error("InternalServiceError", `failed on ${prompt}`) }),
});

examineAnswers({
  name: "volcengine",
  upstream,
  secrets: [key, prompt, "sk-proj-"],
  // Several images of one call are a series.
  draw: (n) =>
    draw(
      n > 1 ? { n, sequential_image_generation: "auto" } : {},
      Array.from({ length: n }, (_, index) => index),
    ),
});

describe("the requests", () => {
  test("are one for each image, with what the caller gave, and base64 asked for", async () => {
    await draw({ n: 3, watermark: false, guidance_scale: 2.5, user: "u1" }, [0, 1, 2]);
    const body = { model, prompt, size: "64x48", watermark: false, guidance_scale: 2.5, response_format: "b64_json" };
    expect(upstream.requests.map((request) => request.body)).toEqual([body, body, body]);
  });

  test("carry the key and an id of their own", async () => {
    const call = aCall({ model, indexes: [0, 4] });
    await provider.generate(call);
    expect(new Set(upstream.requests.map(({ headers }) => headers["x-client-request-id"]))).toEqual(
      new Set([`${call.generationId}-0`, `${call.generationId}-4`]),
    );
    expect(upstream.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  });

  test.each([
    ["moves a fixed seed on by the index", 7, [0, 1, 3], [7, 8, 10]],
    ["wraps it at the end of the range", 2_147_483_647, [0, 1], [0, 2_147_483_647]],
    ["leaves a random one random", -1, [0, 1], [-1, -1]],
    ["sends none where none was given", undefined, [0, 1], [undefined, undefined]],
  ])("%s", async (_, seed, indexes, seeds) => {
    await draw({ seed }, indexes);
    expect(new Set(upstream.requests.map(({ body }) => body["seed"]))).toEqual(new Set(seeds));
  });
});

describe("a fan-out of which some fails", () => {
  test("delivers what came and says what is missing and why", async () => {
    upstream.next(
      {},
      { body: { data: [error("OutputImageSensitiveContentDetected")] } },
      { status: 429, body: error("ServerOverloaded") },
    );
    const reply = await draw({}, [0, 1, 2]);
    expect(reply.images).toHaveLength(1);
    expect(reply.missing.map(({ error: { facts } }) => facts.code).toSorted()).toEqual([
      "content_policy_violation",
      "overloaded",
    ]);
    const indexes = [...reply.images, ...reply.missing].map(({ index }) => index);
    expect(new Set(indexes)).toEqual(new Set([0, 1, 2]));
  });

  test("of which all fails says of each image why", async () => {
    upstream.next(
      { status: 429, body: error("ServerOverloaded") },
      { status: 400, body: error("InputTextSensitiveContentDetected") },
    );
    const reply = await draw({}, [0, 1]);
    expect(reply.images).toEqual([]);
    expect(reply.missing.map(({ error: { facts } }) => facts.code).toSorted()).toEqual([
      "content_policy_violation",
      "overloaded",
    ]);
  });

  test("is hung up on as a whole when the signal aborts", async () => {
    upstream.always({ connection: "silence" });
    const controller = new AbortController();
    const work = provider.generate(aCall({ model, indexes: [0, 1, 2], signal: controller.signal }));
    const ended = work.catch((reason: unknown) => reason);
    await expect.poll(() => upstream.requests.length).toBe(3);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await ended).toBe(reason);
    await expect.poll(() => upstream.hangUps()).toBe(3);
  });
});

describe("a series", () => {
  const series = (parameters: object = {}) =>
    draw({ sequential_image_generation: "auto", size: "2K", ...parameters }, [0, 1, 2, 3]);

  test("is one call for at most as many images as are wanted", async () => {
    await series({ sequential_image_generation_options: { max_images: 4 }, optimize_prompt_options: { mode: "fast" } });
    expect(upstream.requests.map(({ body }) => body)).toEqual([
      {
        model,
        prompt,
        size: "2K",
        sequential_image_generation: "auto",
        sequential_image_generation_options: { max_images: 4 },
        optimize_prompt_options: { mode: "fast" },
        response_format: "b64_json",
      },
    ]);
  });

  test.each([
    ["fewer", 2, [0, 1]],
    ["as many as allowed", 4, [0, 1, 2, 3]],
    ["more than allowed", 6, [0, 1, 2, 3]],
  ])("of %s images delivers them, and misses none", async (_, count, indexes) => {
    upstream.next({ count });
    const { images, missing } = await series({ size: "64x48" });
    expect(images.map(({ index }) => index)).toEqual(indexes);
    expect(missing).toEqual([]);
  });

  test("that fails in part is not drawn again for it, whatever the error", async () => {
    upstream.next({ body: { data: [{ b64_json: picture }, error("ServerOverloaded")] } });
    const { images, missing } = await series();
    expect(images).toMatchObject([{ index: 0 }]);
    expect(missing).toMatchObject([{ index: 1, error: { facts: { code: "overloaded", retryable: false } } }]);
  });

  test("that is refused is refused as one image is", async () => {
    upstream.next({ status: 429, body: error("ServerOverloaded") });
    expect((await failureOf(series())).facts).toMatchObject({ code: "overloaded", retryable: true });
  });
});

test("the request passes on what the operator declared for the model, and it changes nothing else", async () => {
  await draw({ custom: { cfg: 3, loras: [{ path: "a" }], model: "dear" } });
  const body = { model, prompt, size: "64x48", cfg: 3, loras: [{ path: "a" }], response_format: "b64_json" };
  expect(upstream.requests[0]?.body).toEqual(body);
});

test("the request passes on what newer models take", async () => {
  const newer = { background: "transparent", output_format: "png", optimize_prompt_options: { thinking: "auto" } };
  await draw({ ...newer, safety_identifier: "s-1" });
  const body = { model, prompt, size: "64x48", ...newer, response_format: "b64_json" };
  expect(upstream.requests[0]?.body).toEqual(body);
});

describe("a refusal of Ark", () => {
  test.each(refusals)("$name with HTTP $status", async ({ status, headers, body, expect: facts, message }) => {
    upstream.next({ status, body, headers });
    const failure = await failureOf(draw());
    expect(failure.facts).toMatchObject({ ...facts, upstreamStatus: status });
    expect(failure.message).toContain(message ?? "");
  });
});

describe("an error inside a 200", () => {
  test.each([
    ["for the image", { data: [error("InputTextSensitiveContentDetected")] }, "content_policy_violation", false, false],
    ["for the whole", error("InternalServiceError"), "upstream_error", true, false],
    ["with an unknown code", { data: [error("BrandNew")] }, "upstream_error", false, true],
  ])("%s", async (_, body, code, retryable, mayHaveCharged) => {
    upstream.next({ body });
    expect((await failureOf(draw())).facts).toMatchObject({ code, retryable, mayHaveCharged, upstreamStatus: 200 });
  });

  test.each([{ data: [] }, {}, { data: [{}] }])("that is no error but no image either: %j", async (body) => {
    upstream.next({ body });
    expect((await failureOf(draw())).facts).toMatchObject({
      code: "upstream_error",
      retryable: false,
      mayHaveCharged: true,
    });
  });
});

test("a reply that names a URL is fetched", async () => {
  upstream.next({ as: "url" });
  expect((await draw()).images[0]).toMatchObject({ mediaType: "image/jpeg", width: 64, height: 48 });
});
