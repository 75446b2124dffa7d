import { createLogger, createMetrics } from "@darkroom/runtime";
import { createObjectStore, StorageError } from "@darkroom/storage";
import { expect, onTestFinished, test } from "vitest";
import { createStoreWatch } from "./store-watch.ts";

const links = { publicBaseUrl: "http://localhost", signingSecret: "x".repeat(32) };
const refusal = new StorageError({ operation: "put", retryable: false, advice: "Read-only." });

/** A watch over a store that takes objects of at most so many bytes, with a clock that stands still. */
function watched() {
  const memory = createObjectStore({ storage: "memory", links });
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(String(JSON.parse(line).msg)) };
  const log = createLogger({ name: "test", level: "info", pretty: false, destination });
  const metrics = createMetrics({ ofProcess: false });
  const changes: boolean[] = [];
  const sizes: number[] = [];
  const state = { nowMs: 0, takesBytes: Infinity };
  const watch = createStoreWatch({
    store: {
      ...memory,
      put: async (key, body, options) => {
        const { byteLength = 0 } = body instanceof Uint8Array ? body : {};
        sizes.push(byteLength);
        if (byteLength > state.takesBytes) throw refusal;
        await memory.put(key, body, options);
      },
    },
    metrics,
    log,
    now: () => state.nowMs,
    firstPauseMs: 5,
  });
  onTestFinished(() => watch.close());
  watch.onChange((refusing) => changes.push(refusing));
  const refusing = async () => (await metrics.storeRefusing.get()).values[0]?.value;
  return { watch, state, changes, lines, sizes, refusing };
}

test("a worker that has written within the last minute buys without a trial write", async () => {
  const { watch, state, sizes } = watched();
  state.nowMs = 59_999;
  expect(await watch.takesWrites()).toBe(true);
  watch.wrote();
  state.nowMs += 59_999;
  expect(await watch.takesWrites()).toBe(true);
  expect(sizes).toEqual([]);
});

test("a worker that was idle makes one trial write for all that ask at the time, and another after a further minute", async () => {
  const { watch, state, sizes } = watched();
  state.nowMs = 60_000;
  expect(await Promise.all([watch.takesWrites(), watch.takesWrites()])).toEqual([true, true]);
  expect(await watch.takesWrites()).toBe(true);
  expect(sizes).toHaveLength(1);
  state.nowMs += 60_000;
  expect(await watch.takesWrites()).toBe(true);
  expect(sizes).toHaveLength(2);
});

test("an idle worker whose store refuses does not buy, says so once, and goes on when a trial write works", async () => {
  const { watch, state, changes, lines, refusing } = watched();
  state.nowMs = 60_000;
  state.takesBytes = 0;
  expect(await watch.takesWrites()).toBe(false);
  expect(await watch.takesWrites()).toBe(false);
  const fault = expect.stringMatching(/refuses .* begun\. Read-only\.$/);
  expect([changes, watch.fault(), await refusing()]).toEqual([[true], fault, 1]);
  expect(lines).toEqual([expect.stringContaining("refuses what is written to it")]);
  state.takesBytes = Infinity;
  await watch.untilTaking();
  expect(await watch.takesWrites()).toBe(true);
  expect([changes, watch.fault(), await refusing()]).toEqual([[true, false], null, 0]);
  expect(lines).toEqual([expect.anything(), expect.stringContaining("takes writes again")]);
});

test("an object that is refused for a reason of its own stops no work: the store takes another of its size", async () => {
  const { watch, changes, sizes } = watched();
  expect(await watch.refusesAll(1_000)).toBe(false);
  expect([changes, sizes]).toEqual([[], [1_000]]);
});

test("an object that is too large stops no work: the trial is of ordinary size", async () => {
  const { watch, state } = watched();
  state.takesBytes = 5_000_000;
  expect(await watch.refusesAll(70_000_000)).toBe(false);
});

test("a disk that is full but for some bytes refuses all, until it takes an object of the size that it refused", async () => {
  const { watch, state, changes, sizes } = watched();
  state.takesBytes = 100;
  expect(await watch.refusesAll(3_000)).toBe(true);
  await expect.poll(() => sizes.length).toBeGreaterThan(2);
  expect([...new Set(sizes), changes]).toEqual([3_000, [true]]);
  state.takesBytes = 3_000;
  await watch.untilTaking();
  expect(changes).toEqual([true, false]);
});

test("a store that is silent refuses: a trial write does not wait for it", async () => {
  const watch = createStoreWatch({
    store: { put: () => new Promise(() => {}), head: async () => null, delete: async () => {} },
    metrics: createMetrics({ ofProcess: false }),
    log: createLogger({ name: "test", level: "silent", pretty: false }),
  });
  onTestFinished(() => watch.close());
  expect(await watch.refusesAll(1)).toBe(true);
});
