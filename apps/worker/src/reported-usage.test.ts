import type { Usage } from "@darkroom/contracts";
import type { GenerationRecord, Outcome } from "@darkroom/generations";
import { createMetrics } from "@darkroom/runtime";
import { createHttpClient, createImageChecker, createProviders, readProviderSettings } from "@darkroom/providers";
import { createObjectStore } from "@darkroom/storage";
import {
  fakeImage,
  startFakeOpenAi,
  type UsageCase,
  usageCasePrices,
  usageCaseProviderPrices,
  usageCases,
} from "@darkroom/testing";
import { pino } from "pino";
import { afterAll, describe, expect, test } from "vitest";
import { anAttempt, aRecord } from "./attempt.fixture.ts";
import { createBillDelivery } from "./bill-delivery.ts";
import { createGenerateImages } from "./generate-images.ts";
import { createHeldImages } from "./held-images.ts";
import { createImageStore } from "./image-store.ts";

const upstream = await startFakeOpenAi();
const settings = readProviderSettings({ OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: upstream.baseUrl });
const http = createHttpClient(settings.http);
const checker = createImageChecker();
const log = pino({ level: "silent" });
afterAll(async () => {
  checker.close();
  await http.close();
  await upstream.close();
});

const metrics = createMetrics({ ofProcess: false });
const provider =
  createProviders({ settings, deps: { http, images: checker }, sandboxFallback: false, logger: log }).get("openai") ??
  expect.fail("no provider");
const links = { publicBaseUrl: "http://x", signingSecret: "s".repeat(32) };
const store = createObjectStore({ storage: "memory", links });
const watch = { wrote() {}, refusesAll: async () => false, untilTaking: async () => {} };
const held = createHeldImages({ leftForMs: 60_000, log });
const imageStore = createImageStore({ store, watch, held, patienceMs: 1_000, metrics, log });
const work = createGenerateImages({ provider, store, imageStore, metrics, log });
const billDelivery = createBillDelivery({ metrics, log });

const picture = (await fakeImage(64, 48, "png")).toString("base64");
const terms = {
  model: "m",
  quality: "auto",
  prices: { per1kTokensMicros: usageCasePrices },
  providerPrices: { per1kTokensMicros: usageCaseProviderPrices },
};

/** The answer of a case, as a body or as a stream. */
function answerOf({ asked = 1, came = asked, broken = 0, usage, fields }: UsageCase) {
  const count = Array.isArray(usage) ? usage.length : came;
  const images = Array.from({ length: count }, (_, at) => ({ b64_json: at < count - broken ? picture : "AAAA" }));
  if (!Array.isArray(usage)) return { body: { data: images, usage, ...fields } };
  const type = "image_generation.completed";
  const events = images.map((image, at) => Object.assign({ type, usage: usage[at] }, image));
  const body = events.map((event) => `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  return { body, headers: { "content-type": "text/event-stream" } };
}

test.each(usageCases)("$name: told and billed as the table says", async (one) => {
  const { asked = 1, told } = one;
  upstream.next(answerOf(one));
  const record = aRecord({ n: asked, parameters: { n: asked, size: "64x48" } });
  if (Array.isArray(one.usage)) Object.assign(record.request, { stream: true, partial_images: 1 });
  const outcome = await work(anAttempt({ record }));
  if (outcome.kind !== "succeeded") throw new Error(`it ${outcome.kind}`);
  const { delivery, missing } = outcome;
  const expected: Usage | undefined = told && {
    prompt_tokens: told.input_tokens,
    total_tokens: told.input_tokens + told.output_tokens,
    ...told,
  };
  expect(delivery.usage).toEqual(expected);
  const { costMicros, providerCostMicros } = billDelivery({ ...record, terms }, delivery, missing);
  expect({ billed: costMicros, provider: providerCostMicros }).toEqual({ billed: one.billed, provider: one.provider });
});

describe("a quality that was left open is billed and kept as it is told of each image", () => {
  const perImageMicros = { low: { any: 20_000 }, high: { any: 80_000 } };
  const perImage = { model: "m", quality: "auto", prices: { perImageMicros }, providerPrices: { perImageMicros } };

  const billed = (record: GenerationRecord, outcome: Outcome) => {
    if (outcome.kind !== "succeeded") throw new Error(`it ${outcome.kind}`);
    const qualities = outcome.delivery.images.map(({ quality }) => quality);
    const { costMicros, providerCostMicros } = billDelivery({ ...record, terms: perImage }, outcome.delivery);
    return { qualities, costMicros, providerCostMicros };
  };
  const both = { qualities: ["high", "low"], costMicros: 100_000, providerCostMicros: 100_000 };

  test("by two calls", async () => {
    const busy = { error: { code: "rate_limit_exceeded", message: "Slow down." } };
    upstream.next({ body: { data: [{ b64_json: picture }, busy], quality: "high" } });
    const record = aRecord({ n: 2 });
    const first = await work(anAttempt({ record }));
    if (first.kind !== "retry" || first.partial === undefined) throw new Error(`it ${first.kind}`);
    upstream.next({ body: { data: [{ b64_json: picture }], quality: "low" } });
    const again = { ...record, attempts: 2, delivery: first.partial };
    expect(billed(record, await work(anAttempt({ record: again })))).toEqual(both);
  });

  test("by two events of a stream", async () => {
    const type = "image_generation.completed";
    const events = ["high", "low"].map((quality) => JSON.stringify({ type, b64_json: picture, quality }));
    const body = events.map((event) => `event: ${type}\ndata: ${event}\n\n`).join("");
    upstream.next({ body, headers: { "content-type": "text/event-stream" } });
    const record = aRecord({ n: 2 });
    expect(billed(record, await work(anAttempt({ record })))).toEqual(both);
  });

  test("by each entry of a body", async () => {
    const data = ["high", "low"].map((quality) => ({ b64_json: picture, quality }));
    upstream.next({ body: { data } });
    const record = aRecord({ n: 2 });
    expect(billed(record, await work(anAttempt({ record })))).toEqual(both);
  });

  test("by an attempt of an older release, which kept the quality of its call alone, and by one of this", async () => {
    upstream.next({ body: { data: [{ b64_json: picture }], quality: "low" } });
    const key = "_images/gen_1/1-0.png";
    await store.put(key, Buffer.from(picture, "base64"), { contentType: "image/png" });
    const bytes = Buffer.byteLength(picture, "base64");
    const stored = { index: 0, key, bytes, mediaType: "image/png", width: 64, height: 48 };
    const delivery = { provider: "openai", images: [stored], quality: "high" };
    const record = { ...aRecord({ n: 2 }), attempts: 2, delivery };
    const outcome = await work(anAttempt({ record }));
    expect(billed(record, outcome)).toEqual({ ...both, qualities: [undefined, "low"] });
  });
});

test("the author of an SVG is told and billed beside the image that it was drawn after", async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"/>').toString("base64");
  const usage = { input_tokens: 10, output_tokens: 100, total_tokens: 110 };
  const author = { input_tokens: 1_000, output_tokens: 2_000, reasoning_tokens: 500, total_tokens: 3_000 };
  const svg_usage = { model: "gpt-6-luna", ...author };
  upstream.next({ body: { data: [{ b64_json: svg }], output_format: "svg", usage, svg_usage } });
  const record = aRecord({ parameters: { n: 1, output_format: "svg", svg: { model: "gpt-6-luna" } } });
  const outcome = await work(anAttempt({ record }));
  if (outcome.kind !== "succeeded") throw new Error(`it ${outcome.kind}`);
  const { delivery } = outcome;
  expect(delivery).toMatchObject({
    images: [{ mediaType: "image/svg+xml", width: 64, height: 48 }],
    svgUsage: svg_usage,
  });

  const svgAuthorsPer1kTokensMicros = { "gpt-6-luna": { input: 100, output: 500 } };
  const bought = { "gpt-6-luna": { input: 10, output: 50 } };
  const withAuthor = {
    ...terms,
    prices: { ...terms.prices, svgAuthorsPer1kTokensMicros },
    providerPrices: { ...terms.providerPrices, svgAuthorsPer1kTokensMicros: bought },
  };
  const bill = (of: object) => {
    const { costMicros, providerCostMicros } = billDelivery({ ...record, terms: of }, delivery);
    return [costMicros ?? Number.NaN, providerCostMicros ?? Number.NaN] as const;
  };
  const [image, providersImage] = bill(terms);
  expect(bill(withAuthor)).toEqual([image + 100 + 1_000, providersImage + 10 + 100]);
});
