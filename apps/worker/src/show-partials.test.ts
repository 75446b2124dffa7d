import { createLogger } from "@darkroom/runtime";
import { type PartialImage, sha256Of } from "@darkroom/providers";
import type { Attempt, PartialImage as PartialReference } from "@darkroom/generations";
import { createObjectStore, type ObjectStore, StorageError } from "@darkroom/storage";
import { expect, test } from "vitest";
import { anAttempt } from "./attempt.fixture.ts";
import { imageObjects } from "./image-objects.ts";
import { showPartials } from "./show-partials.ts";

const log = createLogger({ name: "test", level: "silent", pretty: false });
const links = { publicBaseUrl: "http://localhost", signingSecret: "x".repeat(32) };

const partial = (index: number, partialIndex: number): PartialImage => ({
  index,
  partialIndex,
  bytes: Buffer.from(`${index} ${partialIndex}`),
  mediaType: "image/webp",
  width: 8,
  height: 4,
});

function watched(
  request: object = { stream: true, partial_images: 2 },
  over: Partial<ObjectStore> = {},
  wanted = true,
) {
  const shown: PartialReference[] = [];
  const memory = createObjectStore({ storage: "memory", links });
  const usual = anAttempt({ showPartial: async (reference) => shown.push(reference) > 0 && wanted });
  const attempt: Attempt = { ...usual, record: { ...usual.record, request: { prompt: "a cat", ...request } } };
  const store = { ...memory, ...over };
  const call = showPartials({ attempt, store, objects: imageObjects(attempt.record), log, fields: {}, patienceMs: 50 });
  return { ...call, shown, memory };
}

test.each([{}, { stream: true }, { stream: true, partial_images: 0 }, { stream: false, partial_images: 2 }])(
  "a request with %j asks the provider for none",
  (request) => {
    const { partialImages, onPartial } = watched(request);
    expect([partialImages, onPartial]).toEqual([undefined, undefined]);
  },
);

test("partial images are stored beside the finished ones, and shown by reference", async () => {
  const { partialImages, onPartial, shown, memory } = watched();
  expect(partialImages).toBe(2);
  await onPartial?.(partial(1, 0));
  const key = "_images/gen_1/1-partial-1-0.webp";
  expect(shown).toEqual([{ index: 1, partialIndex: 0, key, mediaType: "image/webp", width: 8, height: 4 }]);
  expect(await memory.head(key)).toEqual({ size: 3, contentType: "image/webp" });
});

test("a partial image is sent with its hash, so that a stream of it is signed as a finished image's is", async () => {
  const hashes: (string | undefined)[] = [];
  const put: ObjectStore["put"] = async (_key, _body, { sha256 }) => void hashes.push(sha256);
  const { onPartial } = watched(undefined, { put });
  const image = partial(0, 0);
  await onPartial?.(image);
  expect(hashes).toEqual([sha256Of(image.bytes)]);
});

test("a store that is away is asked once, and not again", async () => {
  let asked = 0;
  const put = async () => {
    asked++;
    throw new StorageError({ operation: "put", retryable: true, advice: "Away." });
  };
  const { onPartial, shown } = watched(undefined, { put });
  await onPartial?.(partial(0, 0));
  await onPartial?.(partial(0, 1));
  expect([asked, shown]).toEqual([1, []]);
});

test("a store that hangs is waited for no longer than said, and what it takes in later is removed", async () => {
  const mayEnd = Promise.withResolvers<void>();
  const removed: string[] = [];
  const { onPartial, shown } = watched(undefined, {
    put: () => mayEnd.promise,
    delete: async (keys) => void removed.push(...keys),
  });
  await onPartial?.(partial(0, 0));
  mayEnd.resolve();
  await expect.poll(() => removed).toEqual(["_images/gen_1/1-partial-0-0.webp"]);
  expect(shown).toEqual([]);
});

test("one that came too late to be shown is removed: the generation has ended, or is another attempt's", async () => {
  const { onPartial, memory } = watched(undefined, {}, false);
  await onPartial?.(partial(0, 0));
  expect(await memory.head("_images/gen_1/1-partial-0-0.webp")).toBeNull();
});
