import { once } from "node:events";
import type { Usage } from "@darkroom/contracts";
import { createLogger, createMetrics } from "@darkroom/runtime";
import { type ImageProvider, ProviderError, type ProviderErrorFacts, type ProviderImage } from "@darkroom/providers";
import type { Attempt, Delivery, GenerationRecord, MissingImage } from "@darkroom/generations";
import { createObjectStore, type ObjectStore, StorageError } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { anAttempt, aRecord } from "./attempt.fixture.ts";
import { createGenerateImages } from "./generate-images.ts";
import { createHeldImages } from "./held-images.ts";
import { createImageStore } from "./image-store.ts";
import { measureProvider } from "./measure-calls.ts";

const log = createLogger({ name: "test", level: "silent", pretty: false });
const links = { publicBaseUrl: "http://localhost", signingSecret: "x".repeat(32) };
const memory = () => createObjectStore({ storage: "memory", links });

const image = (index: number): ProviderImage => ({
  index,
  bytes: Buffer.from(`picture ${index}`),
  mediaType: "image/png",
  width: 8,
  height: 8,
});
const facts: ProviderErrorFacts = { code: "upstream_error", message: "Busy.", retryable: true, mayHaveCharged: false };

/** The tokens of so many images. */
const usageOf = (images: number): Usage => ({
  prompt_tokens: 10,
  input_tokens: 10,
  output_tokens: 100 * images,
  total_tokens: 10 + 100 * images,
  input_tokens_details: { text_tokens: 10, image_tokens: 0 },
});

/** A provider that delivers all that is asked for, but for the indexes it fails on the first time, and counts its calls and their tokens. */
function fakeProvider(failing: Record<number, ProviderErrorFacts> = {}) {
  const calls: number[][] = [];
  const provider: ImageProvider = {
    name: "fake",
    generate: async ({ indexes }) => {
      calls.push([...indexes]);
      const fails = (index: number) => calls.length === 1 && failing[index] !== undefined;
      const images = indexes.filter((index) => !fails(index)).map(image);
      const missing = indexes
        .filter(fails)
        .map((index) => ({ index, error: new ProviderError(failing[index] ?? facts) }));
      if (indexes.length === 1 && missing[0] !== undefined) throw missing[0].error;
      return { images, missing, quality: "high", usage: usageOf(images.length) };
    },
  };
  return { provider, calls };
}

/** One attempt after another at one generation, as the queue would run them. */
function generation(n: number, parameters?: GenerationRecord["upstream"]["parameters"]) {
  let noted: { delivery: Delivery | null; missing: readonly MissingImage[] } = { delivery: null, missing: [] };
  return {
    attempt: (over: Partial<Attempt> = {}): Attempt => {
      const checkpoint: Attempt["checkpoint"] = async (delivery, missing) => {
        noted = { delivery, missing };
        return true;
      };
      return anAttempt({ record: aRecord({ n, ...(parameters && { parameters }), ...noted }), checkpoint, ...over });
    },
  };
}

const takesWrites = { wrote() {}, refusesAll: async () => false, untilTaking: async () => {} };
const held = createHeldImages({ leftForMs: 60_000, log });

const work = (
  provider: ImageProvider,
  store: ObjectStore,
  metrics = createMetrics({ ofProcess: false }),
  logger = log,
) =>
  createGenerateImages({
    provider: measureProvider(provider, metrics),
    store,
    imageStore: createImageStore({ store, watch: takesWrites, held, patienceMs: 3_000, metrics, log }),
    metrics,
    log: logger,
  });

describe("a rate limit of the provider is told apart from a failure,", () => {
  const limited: ProviderErrorFacts = { ...facts, code: "overloaded", rateLimited: true, retryAfterMs: 4_000 };

  test.each([
    ["where it is the reason of every image", { 0: limited, 1: limited }, "wholly"],
    ["beside images that came", { 1: limited }, "wholly"],
    ["beside a failure, whichever comes first", { 0: facts, 1: limited }, "partly"],
    ["beside a failure, whichever comes first", { 0: limited, 1: facts }, "partly"],
    ["beside an image that is given up", { 0: { ...facts, retryable: false }, 1: limited }, "wholly"],
    ["and is none where it is not the reason", { 0: facts }, undefined],
  ])("%s", async (_, failing, rateLimited) => {
    const outcome = await work(fakeProvider(failing).provider, memory())(generation(2).attempt());
    expect(outcome).toMatchObject({ kind: "retry" });
    expect(outcome.kind === "retry" && outcome.rateLimited).toBe(rateLimited);
  });

  test("and counted by model", async () => {
    const metrics = createMetrics({ ofProcess: false });
    await work(fakeProvider({ 0: limited }).provider, memory(), metrics)(generation(1).attempt());
    expect(await metrics.render()).toContain('darkroom_rate_limited_calls_total{model="m"} 1');
  });
});

test("what one provider drew is not told as another's that was asked for the rest and drew nothing", async () => {
  const store = memory();
  const given = generation(2);
  await work({ ...fakeProvider({ 1: facts }).provider, name: "first" }, store)(given.attempt());
  const outcome = await work({ ...fakeProvider({ 1: facts }).provider, name: "none" }, store)(given.attempt());
  expect(outcome.kind === "retry" && outcome.partial).toMatchObject({ provider: "first", images: [{ index: 0 }] });
});

test("images are bought, noted and stored under the generation's own keys", async () => {
  const { provider } = fakeProvider();
  const store = memory();
  const outcome = await work(provider, store)(generation(2).attempt());
  expect(outcome).toMatchObject({
    kind: "succeeded",
    delivery: {
      provider: "fake",
      quality: "high",
      images: [{ key: "_images/gen_1/1-0.png" }, { key: "_images/gen_1/1-1.png" }],
    },
  });
  expect(await store.head("_images/gen_1/1-1.png")).toEqual({ size: 9, contentType: "image/png" });
});

test("what is wrong with a label is a line of the log, and nothing of the record", async () => {
  const oddities = ["labelled as jpeg, and is image/png"];
  const provider: ImageProvider = {
    name: "odd",
    generate: async () => ({ images: [image(0)], missing: [], oddities }),
  };
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: "test", level: "warn", pretty: false, destination });
  const outcome = await work(provider, memory(), undefined, logger)(generation(1).attempt());
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { msg: "The provider's answer is odd", oddity: oddities[0], generationId: "gen_1" },
  ]);
  expect(outcome).toMatchObject({ kind: "succeeded" });
  expect(JSON.stringify(outcome)).not.toContain("labelled");
});

test("a second run after everything was stored does not call the provider", async () => {
  const { provider, calls } = fakeProvider();
  const store = memory();
  const { attempt } = generation(2);
  const first = await work(provider, store)(attempt());
  const second = await work(provider, store)(attempt());
  expect(second).toEqual(first);
  expect(calls).toHaveLength(1);
});

test("a second run after a crash between two uploads buys only what is missing", async () => {
  const { provider, calls } = fakeProvider();
  const store = memory();
  const { attempt } = generation(3);
  await work(provider, store)(attempt());
  await store.delete(["_images/gen_1/1-1.png"]);
  const outcome = await work(provider, store)(attempt());
  expect(calls).toEqual([[0, 1, 2], [1]]);
  expect(outcome).toMatchObject({ delivery: { images: [{ index: 0 }, { index: 1 }, { index: 2 }] } });
});

describe("a series, of which the model chooses the length", () => {
  const series = { sequential_image_generation: "auto" };
  /** Draws three where fifteen are the most. */
  const drawingThree = () => {
    const { provider, calls } = fakeProvider();
    const generate: ImageProvider["generate"] = async (call) => {
      const reply = await provider.generate(call);
      return { ...reply, images: reply.images.slice(0, 3) };
    };
    return { provider: { ...provider, generate }, calls };
  };

  test("is whole with what came, and its crashed attempt is not bought again", async () => {
    const { provider, calls } = drawingThree();
    const store = memory();
    const { attempt } = generation(15, series);
    const first = await work(provider, store)(attempt());
    expect(first).toMatchObject({
      kind: "succeeded",
      delivery: { images: [{ index: 0 }, { index: 1 }, { index: 2 }] },
    });
    expect(await work(provider, store)(attempt())).toEqual(first);
    expect(calls).toEqual([Array.from({ length: 15 }, (_, index) => index)]);
  });

  test("is bought again where nothing of it was stored", async () => {
    const { provider, calls } = drawingThree();
    const store = memory();
    const { attempt } = generation(15, series);
    await work(provider, store)(attempt());
    await store.delete([0, 1, 2].map((index) => `_images/gen_1/1-${index}.png`));
    expect(await work(provider, store)(attempt())).toMatchObject({ delivery: { images: [{}, {}, {}] } });
    expect(calls).toHaveLength(2);
  });
});

test("tokens of images that were lost in a crash are not billed beside those of their second purchase", async () => {
  const { provider } = fakeProvider();
  const store = memory();
  const { attempt } = generation(2);
  await work(provider, store)(attempt());
  await store.delete(["_images/gen_1/1-1.png"]);
  // The prompt of both calls, half of what the first drew and all of what the second did. The provider charges for all three images.
  expect(await work(provider, store)(attempt())).toMatchObject({
    delivery: {
      usage: { input_tokens: 20, output_tokens: 200, total_tokens: 220, input_tokens_details: { text_tokens: 20 } },
      drawn: { images: 3, usage: { input_tokens: 20, output_tokens: 300 } },
    },
  });
  await store.delete(["_images/gen_1/1-0.png", "_images/gen_1/1-1.png"]);
  expect(await work(provider, store)(attempt())).toMatchObject({ delivery: { usage: usageOf(2) } });
});

test("tokens that only one of two calls reported are not known", async () => {
  const { provider } = fakeProvider();
  const store = memory();
  const { attempt } = generation(2);
  await work(provider, store)(attempt());
  await store.delete(["_images/gen_1/1-1.png"]);
  const silent: ImageProvider = {
    ...provider,
    generate: async (call) => ({ ...(await provider.generate(call)), usage: undefined }),
  };
  const outcome = await work(silent, store)(attempt());
  expect(outcome).toMatchObject({ delivery: { images: [{}, {}] } });
  expect(outcome).not.toMatchObject({ delivery: { usage: expect.anything() } });
});

test("a torn upload does not count as stored", async () => {
  const { provider, calls } = fakeProvider();
  const store = memory();
  const { attempt } = generation(1);
  await work(provider, store)(attempt());
  await store.put("_images/gen_1/1-0.png", Buffer.from("pic"), { contentType: "image/png" });
  await work(provider, store)(attempt());
  expect(calls).toHaveLength(2);
});

test("an image that failed for now is asked for again, alone", async () => {
  const { provider, calls } = fakeProvider({ 1: facts });
  const { attempt } = generation(2);
  const store = memory();
  expect(await work(provider, store)(attempt())).toMatchObject({ kind: "retry", partial: { images: [{ index: 0 }] } });
  expect(await work(provider, store)(attempt())).toMatchObject({ kind: "succeeded", delivery: { images: [{}, {}] } });
  expect(calls).toEqual([[0, 1], [1]]);
});

const refused: ProviderErrorFacts = { ...facts, code: "moderation_blocked", message: "No.", retryable: false };
const cut: ProviderErrorFacts = { ...facts, message: "It broke.", retryable: false, mayHaveCharged: true };

describe("of images that are missing for different reasons", () => {
  test("the busy one is asked for again, and the one that may have been charged is not", async () => {
    const { provider, calls } = fakeProvider({ 1: facts, 2: cut });
    const { attempt } = generation(3);
    const store = memory();
    expect(await work(provider, store)(attempt())).toMatchObject({ kind: "retry", mayHaveCharged: true });
    expect(await work(provider, store)(attempt())).toMatchObject({
      kind: "succeeded",
      delivery: { images: [{ index: 0 }, { index: 1 }] },
      missing: [{ index: 2, message: "It broke.", mayHaveCharged: true }],
    });
    expect(calls).toEqual([[0, 1, 2], [1]]);
  });

  test("a busy one behind one that was refused is asked for again", async () => {
    const { provider, calls } = fakeProvider({ 1: refused, 2: facts });
    const { attempt } = generation(3);
    const store = memory();
    expect(await work(provider, store)(attempt())).toMatchObject({ kind: "retry", mayHaveCharged: false });
    expect(await work(provider, store)(attempt())).toMatchObject({
      kind: "succeeded",
      delivery: { images: [{ index: 0 }, { index: 2 }] },
      missing: [{ index: 1, code: "moderation_blocked" }],
    });
    expect(calls).toEqual([[0, 1, 2], [2]]);
  });

  test("those that may be tried again are, though none came", async () => {
    const { provider, calls } = fakeProvider({ 0: cut, 1: facts });
    const { attempt } = generation(2);
    const store = memory();
    expect(await work(provider, store)(attempt())).toMatchObject({ kind: "retry", mayHaveCharged: true });
    expect(await work(provider, store)(attempt())).toMatchObject({
      kind: "succeeded",
      delivery: { images: [{ index: 1 }] },
      missing: [{ index: 0 }],
    });
    expect(calls).toEqual([[0, 1], [1]]);
  });

  test("one that could not be stored is not bought again beside one that is tried again", async () => {
    const { provider, calls } = fakeProvider({ 1: facts });
    const { attempt } = generation(2);
    const store = memory();
    const full: ObjectStore = {
      ...store,
      put: () => Promise.reject(new StorageError({ operation: "put", retryable: false, advice: "Full." })),
    };
    expect(await work(provider, full)(attempt())).toMatchObject({ kind: "retry", mayHaveCharged: true });
    expect(await work(provider, store)(attempt())).toMatchObject({
      kind: "succeeded",
      delivery: { images: [{ index: 1 }] },
      missing: [{ index: 0, code: "server_error" }],
    });
    expect(calls).toEqual([[0, 1], [1]]);
  });

  test("the longest wait that the provider asks for is passed on, and the outcome tells of all that is missing", async () => {
    const { provider } = fakeProvider({ 1: { ...facts, retryAfterMs: 2_000 }, 2: { ...facts, retryAfterMs: 9_000 } });
    expect(await work(provider, memory())(generation(3).attempt())).toMatchObject({
      kind: "retry",
      retryAfterMs: 9_000,
      partial: { images: [{ index: 0 }] },
      missing: [{ index: 1 }, { index: 2 }],
    });
  });

  test("where none came and none may be tried again, the one that tells most fails the generation", async () => {
    const { provider } = fakeProvider({ 0: cut, 1: refused });
    expect(await work(provider, memory())(generation(2).attempt())).toMatchObject({
      kind: "failed",
      error: { code: "moderation_blocked" },
      nothingCharged: false,
    });
  });
});

test("an image that failed for good leaves the others delivered", async () => {
  const { provider } = fakeProvider({ 0: { ...facts, code: "moderation_blocked", retryable: false } });
  const outcome = await work(provider, memory())(generation(2).attempt());
  expect(outcome).toMatchObject({ kind: "succeeded", delivery: { images: [{ index: 1 }] } });
});

test("a provider's refusal fails the generation in its own words", async () => {
  const { provider } = fakeProvider({ 0: { ...facts, code: "moderation_blocked", message: "No.", retryable: false } });
  const outcome = await work(provider, memory())(generation(1).attempt());
  const error = { code: "moderation_blocked", message: "No.", param: undefined };
  expect(outcome).toEqual({ kind: "failed", error, nothingCharged: true });
});

describe("a refusal of a model that the provider does not serve", () => {
  const notServed = {
    ...facts,
    code: "upstream_error",
    message: "Map it.",
    retryable: false,
    modelNotServed: true,
  } as const;
  const failing = async (retired?: GenerationRecord["upstream"]["retired"]) => {
    const record = aRecord({ n: 2 });
    record.upstream = { ...record.upstream, ...(retired && { retired }) };
    const { provider } = fakeProvider({ 0: notServed, 1: notServed });
    return work(provider, memory())(anAttempt({ record }));
  };

  test("names the successor of one that was switched off, as the caller's fault", async () => {
    const retired = { since: "2026-05-12", successor: "gpt-image-2.5-flare" };
    expect(await failing(retired)).toMatchObject({
      kind: "failed",
      error: {
        code: "invalid_request_error",
        param: "model",
        message:
          "The provider does not serve 'm' any more: it was switched off on 2026-05-12. Ask for 'gpt-image-2.5-flare' in its place.",
      },
    });
  });

  test("is the operator's affair where the model is still sold", async () => {
    expect(await failing()).toMatchObject({ kind: "failed", error: { code: "upstream_error", message: "Map it." } });
  });
});

test("a call that broke off after it was sent may have been charged", async () => {
  const { provider } = fakeProvider({ 0: { ...facts, retryable: false, mayHaveCharged: true } });
  const outcome = await work(provider, memory())(generation(1).attempt());
  expect(outcome).toMatchObject({ kind: "failed", nothingCharged: false });
});

test("a wait that the provider asks for is passed on", async () => {
  const { provider } = fakeProvider({ 0: { ...facts, retryAfterMs: 7_000 } });
  const outcome = await work(provider, memory())(generation(1).attempt());
  expect(outcome).toMatchObject({ kind: "retry", retryAfterMs: 7_000 });
});

test("while the store is away the images are kept, and the provider is not asked again", async () => {
  const { provider, calls } = fakeProvider();
  const store = memory();
  let refusals = 2;
  const flaky: ObjectStore = {
    ...store,
    put: async (...args) => {
      if (refusals-- > 0) throw new StorageError({ operation: "put", retryable: true, advice: "Away." });
      await store.put(...args);
    },
  };
  expect(await work(provider, flaky)(generation(1).attempt())).toMatchObject({ kind: "succeeded" });
  expect(calls).toHaveLength(1);
});

test("images that the store will never take fail the generation instead of being bought again", async () => {
  const { provider } = fakeProvider();
  const put = async () => {
    throw new StorageError({ operation: "put", retryable: false, advice: "Wrong key." });
  };
  const outcome = await work(provider, { ...memory(), put })(generation(1).attempt());
  expect(outcome).toMatchObject({ kind: "failed", error: { code: "server_error" } });
});

test("images that are asked for again after a worker died or was stopped are counted, and those that it had stored are not", async () => {
  const { provider } = fakeProvider();
  const store = memory();
  const metrics = createMetrics({ ofProcess: false });
  const { attempt } = generation(3);
  await work(provider, store, metrics)(attempt());
  expect(await metrics.render()).not.toContain("darkroom_repeated_images_total{");
  await store.delete(["_images/gen_1/1-0.png", "_images/gen_1/1-2.png"]);
  await work(provider, store, metrics)(attempt({ mayRepeat: true }));
  expect(await metrics.render()).toContain('darkroom_repeated_images_total{model="m"} 2\n');
});

test("an exhausted generation is not begun again, but what is stored is delivered", async () => {
  const { provider, calls } = fakeProvider();
  const store = memory();
  const { attempt } = generation(2);
  const exhausted = { exhausted: { code: "server_error", message: "Enough." } } as const;
  expect(await work(provider, store)(attempt(exhausted))).toMatchObject({ kind: "failed" });
  expect(calls).toHaveLength(0);
  await work(provider, store)(attempt());
  await store.delete(["_images/gen_1/1-0.png"]);
  const outcome = await work(provider, store)(attempt(exhausted));
  expect(outcome).toMatchObject({
    kind: "succeeded",
    delivery: { images: [{ index: 1 }], usage: { output_tokens: 100 } },
  });
  expect(calls).toHaveLength(1);
});

test.each([true, false])(
  "what an exhausted generation lacks counts as charged only where an attempt before it may have asked for it: %s",
  async (mayRepeat) => {
    const { provider } = fakeProvider();
    const store = memory();
    const { attempt } = generation(2);
    await work(provider, store)(attempt());
    await store.delete(["_images/gen_1/1-0.png"]);
    const exhausted = { code: "conflict", message: "The batch was canceled." } as const;
    const outcome = await work(provider, store)(attempt({ exhausted, mayRepeat }));
    expect(outcome).toMatchObject({ kind: "succeeded", missing: [{ index: 0, mayHaveCharged: mayRepeat }] });
  },
);

describe("a worker whose attempt another has taken over while it uploads", () => {
  /** A store that takes nothing until it is opened, and hears when it is first asked. */
  function closedStore() {
    const store = memory();
    const opened = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const put: ObjectStore["put"] = async (key, body, options) => {
      asked.resolve();
      await Promise.race([opened.promise, once(options.signal ?? new EventTarget(), "abort")]);
      await store.put(key, body, options);
    };
    return { store: { ...store, put }, inside: store, open: opened.resolve, asked: asked.promise };
  }

  test("does not touch what the other has stored, though it was never told", async () => {
    const first = closedStore();
    const { attempt } = generation(1);
    const zombie = work(fakeProvider().provider, first.store)(attempt());
    await first.asked;
    const bytes = Buffer.from("another picture");
    const second: ImageProvider = {
      name: "fake",
      generate: async () => ({ images: [{ ...image(0), bytes }], missing: [] }),
    };
    const { record } = attempt();
    const outcome = await work(second, first.inside)(anAttempt({ record: { ...record, attempts: 2 } }));
    first.open();
    await zombie;
    expect(outcome).toMatchObject({
      delivery: { images: [{ key: "_images/gen_1/2-0.png", bytes: bytes.length }] },
    });
    expect(await first.inside.head("_images/gen_1/2-0.png")).toMatchObject({ size: bytes.length });
  });

  test.each(["lock lost", "canceled"])("stops at once when it is told so: %s", async (reason) => {
    const { store, inside, asked } = closedStore();
    const controller = new AbortController();
    const running = work(fakeProvider().provider, store)(generation(1).attempt({ signal: controller.signal }));
    await asked;
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(await inside.head("_images/gen_1/1-0.png")).toBeNull();
  });

  test("stops at once between two tries", async () => {
    const controller = new AbortController();
    const put = async () => {
      controller.abort("lock lost");
      throw new StorageError({ operation: "put", retryable: true, advice: "Away." });
    };
    const store = { ...memory(), put };
    const running = work(fakeProvider().provider, store)(generation(1).attempt({ signal: controller.signal }));
    await expect(running).rejects.toBe("lock lost");
  });

  test("stops at once while it asks what is stored", async () => {
    const { attempt } = generation(1);
    const { provider } = fakeProvider();
    await work(provider, memory())(attempt());
    const controller = new AbortController();
    const silent: ObjectStore = { ...memory(), head: () => new Promise(() => {}) };
    const running = work(provider, silent)(attempt({ signal: controller.signal }));
    controller.abort("lock lost");
    await expect(running).rejects.toBe("lock lost");
  });
});

test("a worker that lost the generation stores nothing", async () => {
  const { provider } = fakeProvider();
  const store = memory();
  const late = generation(1).attempt({ checkpoint: async () => false });
  await expect(work(provider, store)(late)).rejects.toThrow("A later attempt owns gen_1");
  expect(await store.head("_images/gen_1/1-0.png")).toBeNull();
});

test("partial images are shown while the provider draws, and a caller who does not stream sees none", async () => {
  const shown: string[] = [];
  const provider: ImageProvider = {
    name: "fake",
    generate: async ({ onPartial }) => {
      await onPartial?.({ ...image(0), partialIndex: 0 });
      return { images: [image(0)], missing: [] };
    },
  };
  const draw = (request: object) => {
    const usual = aRecord({ n: 1 });
    const record = { ...usual, request: { ...usual.request, ...request } };
    return work(provider, memory())(anAttempt({ record, showPartial: async ({ key }) => shown.push(key) > 0 }));
  };
  await draw({});
  expect(shown).toEqual([]);
  expect(await draw({ stream: true, partial_images: 1 })).toMatchObject({ kind: "succeeded" });
  expect(shown).toEqual(["_images/gen_1/1-partial-0-0.png"]);
});

describe("a call of the provider is counted by what came of it:", () => {
  const limited: ProviderErrorFacts = { ...facts, rateLimited: true };

  test.each<[outcome: string, failing: Record<number, ProviderErrorFacts>, timed: number]>([
    ["succeeded", {}, 1],
    ["partial", { 1: facts }, 1],
    ["rate_limited", { 0: refused, 1: limited }, 0],
    ["moderation_blocked", { 0: refused, 1: refused }, 0],
    ["mixed", { 0: refused, 1: facts }, 0],
  ])("%s", async (outcome, failing, timed) => {
    const metrics = createMetrics({ ofProcess: false });
    await work(fakeProvider(failing).provider, memory(), metrics)(generation(2).attempt());
    const text = await metrics.render();
    expect(text.match(/^darkroom_provider_calls_total\{.*/gm)).toEqual([
      `darkroom_provider_calls_total{upstream="fake",outcome="${outcome}"} 1`,
    ]);
    const counts = text.match(/^darkroom_provider_call_duration_seconds_count\{upstream="fake"\} 1$/gm) ?? [];
    expect(counts).toHaveLength(timed);
  });

  test("aborted, where its attempt is", async () => {
    const metrics = createMetrics({ ofProcess: false });
    const generate = async () => Promise.reject(new Error("Aborted"));
    const aborted = generation(1).attempt({ signal: AbortSignal.abort("canceled") });
    await expect(work({ name: "fake", generate }, memory(), metrics)(aborted)).rejects.toThrow("Aborted");
    expect(await metrics.render()).toContain('darkroom_provider_calls_total{upstream="fake",outcome="aborted"} 1\n');
  });
});
