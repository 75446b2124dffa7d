import { createLogger, createMetrics } from "@darkroom/runtime";
import { bodyOf, type ProviderImage } from "@darkroom/providers";
import type { Delivery } from "@darkroom/generations";
import { createObjectStore, type ObjectStore, StorageError } from "@darkroom/storage";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createHeldImages } from "./held-images.ts";
import { createImageStore } from "./image-store.ts";
import { createStoreWatch } from "./store-watch.ts";

const log = createLogger({ name: "test", level: "silent", pretty: false });
const links = { publicBaseUrl: "http://localhost", signingSecret: "x".repeat(32) };
const fields = {};

const picture = (index: number): ProviderImage => ({
  index,
  bytes: Buffer.from(`picture ${index}`),
  mediaType: "image/png",
  width: 8,
  height: 8,
});
const keyOf = (index: number) => `_images/gen_1/1-${index}.png`;
const noted = (count: number): Delivery => ({
  provider: "fake",
  images: Array.from({ length: count }, (_, index) => {
    const { bytes, ...facts } = picture(index);
    return { ...facts, key: keyOf(index), bytes: bytes.byteLength };
  }),
});

/** An image store over one that can be told to refuse, and counts the images that it was given. */
function open({ patienceMs = 5_000 } = {}) {
  const memory = createObjectStore({ storage: "memory", links });
  const state = { refuses: (_key: string) => false, refusesHead: (_key: string) => false };
  const asked: string[] = [];
  const store: ObjectStore = {
    ...memory,
    put: async (key, body, options) => {
      options.signal?.throwIfAborted();
      if (!key.includes("_check")) asked.push(key);
      if (state.refuses(key)) throw new StorageError({ operation: "put", key, retryable: false, advice: "No." });
      await memory.put(key, body, options);
    },
    head: async (key) => {
      if (state.refusesHead(key))
        throw new StorageError({ operation: "head", key, retryable: true, advice: "Slow down." });
      return memory.head(key);
    },
  };
  const metrics = createMetrics({ ofProcess: false });
  const watch = createStoreWatch({ store, metrics, log, firstPauseMs: 20 });
  onTestFinished(() => watch.close());
  const held = createHeldImages({ leftForMs: patienceMs, log });
  const images = createImageStore({ store, watch, held, patienceMs, metrics, log });
  return { images, state, asked, memory, watch, metrics };
}
const never = () => new AbortController().signal;

test("images that the store refuses with anything at all are held, and sent when it takes writes again", async () => {
  const { images, state, asked, memory, watch } = open();
  const warn = vi.spyOn(log, "warn");
  onTestFinished(() => warn.mockRestore());
  state.refuses = () => true;
  const kept = images.keep([picture(0), picture(1)], noted(2), { signal: never(), fields });
  await expect.poll(() => watch.fault()).not.toBeNull();
  // Held, they do not ask one by one: trial writes do.
  expect(asked).toHaveLength(2);
  // The operator hears of it while it lasts.
  const told = [0, 1].map((index) => [expect.objectContaining({ key: keyOf(index) }), expect.any(String)]);
  expect(warn.mock.calls).toEqual(told);
  state.refuses = () => false;
  expect(await kept).toEqual(new Set());
  expect(asked).toHaveLength(4);
  for (const index of [0, 1]) expect(await memory.head(keyOf(index))).toMatchObject({ size: 9 });
});

test("an image that alone is refused is sent again, while the store counts as well", async () => {
  const { images, state, asked, watch } = open({ patienceMs: 1_200 });
  state.refuses = (key) => key === keyOf(0);
  const lost = await images.keep([picture(0), picture(1)], noted(2), { signal: never(), fields });
  expect([lost, watch.fault()]).toEqual([new Set([0]), null]);
  expect(asked.filter((key) => key === keyOf(0))).toHaveLength(2);
});

test("images are held for as long as the store refuses everything, far beyond the patience with one image", async () => {
  const { images, state, memory, watch } = open({ patienceMs: 1 });
  state.refuses = () => true;
  const kept = images.keep([picture(0)], noted(1), { signal: never(), fields });
  await expect.poll(() => watch.fault()).not.toBeNull();
  // An outage ends with a trial write, and the next one begins before the image is sent.
  for (let outages = 0; outages < 3; outages++) {
    state.refuses = (key) => !key.includes("_check");
    await watch.untilTaking();
    state.refuses = () => true;
    await expect.poll(() => watch.fault()).not.toBeNull();
  }
  state.refuses = () => false;
  expect(await kept).toEqual(new Set());
  expect(await memory.head(keyOf(0))).toMatchObject({ size: 9 });
});

test("images of all calls go to the store 32 at a time, and one that waits for the store takes no place of others", async () => {
  const { images, state, memory } = open();
  const putBefore = memory.put.bind(memory);
  let atOnce = 0;
  let most = 0;
  const full = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  memory.put = async (...put) => {
    // A trial write, by which the store is found to serve others.
    if (put[0].includes("_check")) return putBefore(...put);
    most = Math.max(most, ++atOnce);
    if (atOnce === 32) full.resolve();
    await opened.promise;
    await putBefore(...put);
    atOnce--;
    return undefined;
  };
  state.refuses = (key) => key === keyOf(0);
  const refused = images.keep([picture(0)], noted(1), { signal: never(), fields });
  const rest = Array.from({ length: 100 }, (_, i) => picture(i + 1));
  const calls = [rest.slice(0, 50), rest.slice(50)].map((few) =>
    images.keep(few, noted(101), { signal: never(), fields }),
  );
  await full.promise;
  state.refuses = () => false;
  opened.resolve();
  expect(await Promise.all([refused, ...calls])).toEqual([new Set(), new Set(), new Set()]);
  expect(most).toBe(32);
});

test("an image that waits for its turn is not sent when its call has ended", async () => {
  const { images, asked, memory } = open();
  const putBefore = memory.put.bind(memory);
  const full = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  let atOnce = 0;
  memory.put = async (...put) => {
    if (++atOnce === 32) full.resolve();
    await opened.promise;
    await putBefore(...put);
  };
  const others = Array.from({ length: 32 }, (_, i) => picture(i));
  const kept = images.keep(others, noted(32), { signal: never(), fields });
  await full.promise;
  const ends = new AbortController();
  const ended = images.keep([picture(32)], noted(33), { signal: ends.signal, fields });
  ends.abort("canceled");
  await expect(ended).rejects.toBe("canceled");
  opened.resolve();
  expect(await kept).toEqual(new Set());
  expect(asked).not.toContain(keyOf(32));
});

test("the bytes are taken out of the reply, so that nothing else keeps them in memory", async () => {
  const { images } = open();
  const reply = [picture(0)];
  await images.keep(reply, noted(1), { signal: never(), fields });
  expect(reply).toEqual([]);
});

test("an image that an attempt held when it lost the generation is stored by the next one here, not bought again", async () => {
  const { images, state, memory, watch } = open();
  state.refuses = () => true;
  const controller = new AbortController();
  const first = images.keep([picture(0), picture(1)], noted(2), { signal: controller.signal, fields });
  await expect.poll(() => watch.fault()).not.toBeNull();
  controller.abort("lock lost");
  await expect(first).rejects.toBe("lock lost");
  state.refuses = () => false;
  await memory.put(keyOf(1), bodyOf(picture(1).bytes), { contentType: "image/png" });
  expect(await images.find(noted(2), { signal: never(), fields })).toEqual({ delivery: noted(2), refused: [] });
  expect(await memory.head(keyOf(0))).toMatchObject({ size: 9 });
});

describe("a store that does not say what it has", () => {
  test("is asked again: what is stored is neither lost nor bought again", async () => {
    const { images, state, memory } = open();
    let refusals = 1;
    state.refusesHead = () => refusals-- > 0;
    await memory.put(keyOf(0), bodyOf(picture(0).bytes), { contentType: "image/png" });
    const found = await images.find(noted(1), { signal: never(), fields });
    expect(found).toEqual({ delivery: noted(1), refused: [] });
  });

  test("is waited for, however long that takes: nothing that is stored is given up or bought again", async () => {
    const { images, state, memory, watch } = open({ patienceMs: 1 });
    await memory.put(keyOf(0), bodyOf(picture(0).bytes), { contentType: "image/png" });
    state.refusesHead = () => true;
    const found = images.find(noted(1), { signal: never(), fields });
    // It takes writes, and is of no use all the same.
    await expect.poll(() => watch.fault()).not.toBeNull();
    state.refusesHead = () => false;
    expect(await found).toEqual({ delivery: noted(1), refused: [] });
  });

  test("of one image alone costs that image, and it is not bought again", async () => {
    const { images, state, memory, watch } = open({ patienceMs: 600 });
    for (const index of [0, 1]) {
      await memory.put(keyOf(index), bodyOf(picture(index).bytes), { contentType: "image/png" });
    }
    state.refusesHead = (key) => key === keyOf(0);
    const { delivery, refused } = await images.find(noted(2), { signal: never(), fields });
    expect([delivery.images.map(({ index }) => index), refused, watch.fault()]).toEqual([[1], [0], null]);
  });

  test("is not asked again for a generation that another attempt has", async () => {
    const { images, state } = open();
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    state.refusesHead = () => {
      asked.resolve();
      return true;
    };
    const found = images.find(noted(1), { signal: controller.signal, fields });
    await asked.promise;
    controller.abort("lock lost");
    await expect(found).rejects.toBe("lock lost");
  });
});

test("an upload is finished when the worker stops in the middle of it, and given up when it takes too long", async () => {
  const { images, state, memory } = open();
  state.refuses = (key) => key === keyOf(0);
  const controller = new AbortController();
  const kept = images.keep([picture(0)], noted(1), { signal: controller.signal, fields });
  controller.abort("stopping");
  // It is refused once, and sent again half a second later.
  state.refuses = () => false;
  expect(await kept).toEqual(new Set());
  expect(await memory.head(keyOf(0))).toMatchObject({ size: 9 });

  state.refuses = () => true;
  const late = images.keep([picture(1)], noted(2), { signal: controller.signal, fields });
  await expect(late).rejects.toBe("stopping");
});

test("an image of a canceled generation is not held for anybody", async () => {
  const { images, state, watch } = open();
  state.refuses = () => true;
  const controller = new AbortController();
  const first = images.keep([picture(0)], noted(1), { signal: controller.signal, fields });
  await expect.poll(() => watch.fault()).not.toBeNull();
  controller.abort("canceled");
  await expect(first).rejects.toBe("canceled");
  state.refuses = () => false;
  const { delivery, refused } = await images.find(noted(1), { signal: never(), fields });
  expect([delivery.images, refused]).toEqual([[], []]);
});

test("uploads are measured, those that were given up apart", async () => {
  const { images, state, metrics } = open({ patienceMs: 600 });
  state.refuses = (key) => key === keyOf(0);
  await images.keep([picture(0), picture(1)], noted(2), { signal: never(), fields });
  const text = await metrics.render();
  for (const outcome of ["stored", "lost"])
    expect(text).toContain(`darkroom_upload_duration_seconds_count{outcome="${outcome}"} 1\n`);
});
