import { Readable } from "node:stream";
import { StorageError } from "@darkroom/storage";
import { describe, expect, test } from "vitest";
import { memoryStore } from "../batch-parts.fixture.ts";
import { imageKey, openBatches, succeeded } from "../finished-batch.fixture.ts";
import { batchObjects } from "../records/batch-objects.ts";

const never = new AbortController().signal;
const request = { response_format: "b64_json" as const };

/** Batches on a store whose objects of some keys cannot be read: it refuses them, or breaks off within them. */
function openOnFaultyStore() {
  const store = memoryStore();
  const state = { refuses: (_key: string) => false, breaks: (_key: string) => false, asked: 0 };
  const check = (operation: "get" | "head", key: string) => {
    if (!state.refuses(key)) return;
    state.asked++;
    throw new StorageError({ operation, key, retryable: true, advice: "The disk did not do what was asked." });
  };
  const opened = openBatches({
    ...store,
    async get(key) {
      check("get", key);
      if (!state.breaks(key)) return store.get(key);
      const body = Readable.from(
        (async function* () {
          yield Buffer.from("p");
          throw new Error("EIO: i/o error, read");
        })(),
      );
      return { size: 3, contentType: "image/png", body };
    },
    async head(key) {
      check("head", key);
      return store.head(key);
    },
  });
  /** A batch of five lines in two segments, each with an image as base64. */
  async function finishedFive(): Promise<string> {
    const lines = [0, 1, 2, 3, 4];
    for (const i of lines) await opened.objects.put(imageKey(i), Buffer.from("png"), { contentType: "image/png" });
    const results = lines.map((index) => succeeded(index, { request }));
    return opened.finished({ total: 5, segments: [results.slice(0, 2), results.slice(2)] });
  }
  return { ...opened, state, finishedFive };
}

describe.each([
  ["first", 0],
  ["third", 2],
  ["last", 4],
])("a batch whose %s image cannot be read", (_, index) => {
  test.each(["refuses", "breaks"] as const)(
    "because the store %s ends, with that line among its errors",
    async (how) => {
      const { state, finishedFive, finalize, resultOf } = openOnFaultyStore();
      state[how] = (key) => key === imageKey(index);
      const id = await finishedFive();
      await finalize({ patienceMs: 1 })(id, never);
      const { output, error, batch } = await resultOf(id);
      expect(error).toMatchObject([
        {
          custom_id: `line-${index}`,
          error: null,
          response: {
            status_code: 500,
            body: { error: { message: expect.stringContaining("does not give them out") } },
          },
        },
      ]);
      const others = [0, 1, 2, 3, 4].filter((other) => other !== index);
      expect(output.map(({ custom_id }) => custom_id)).toEqual(others.map((other) => `line-${other}`));
      expect(batch).toMatchObject({ status: "completed", completed: 4, failed: 1 });
    },
  );
});

test("an image that the store refuses for a while is in the output, and no other line is written again", async () => {
  const { state, finishedFive, finalize, resultOf } = openOnFaultyStore();
  state.refuses = (key) => key === imageKey(1) && state.asked < 2;
  const id = await finishedFive();
  await finalize({ patienceMs: 10_000 })(id, never);
  const { output, batch } = await resultOf(id);
  expect(output.map(({ custom_id }) => custom_id)).toEqual(["line-0", "line-2", "line-3", "line-4", "line-1"]);
  expect(batch).toMatchObject({ completed: 5, failed: 0 });
});

test("a store that is away costs no line, however little patience there is with one object", async () => {
  const { state, finishedFive, finalize, resultOf } = openOnFaultyStore();
  const id = await finishedFive();
  const isImage = (key: string) => key.includes("/images/");
  let isAway = false;
  state.refuses = (key) => (isAway ||= isImage(key));
  await expect(finalize({ patienceMs: 1 })(id, never)).rejects.toThrow(StorageError);
  await expect(finalize({ patienceMs: 1 })(id, never)).rejects.toThrow(StorageError);
  expect((await resultOf(id)).batch).toMatchObject({ status: "finalizing" });
  state.refuses = () => false;
  await finalize()(id, never);
  expect((await resultOf(id)).batch).toMatchObject({ status: "completed", completed: 5, failed: 0 });
});

test("results that the store refuses cost their lines, and not the batch", async () => {
  const { state, finishedFive, finalize, resultOf, errors } = openOnFaultyStore();
  const id = await finishedFive();
  const segment = batchObjects("acme", id).results(0);
  state.refuses = (key) => key === segment;
  await finalize({ patienceMs: 1 })(id, never);
  const { output, error, batch } = await resultOf(id);
  expect(output.map(({ custom_id }) => custom_id)).toEqual(["line-2", "line-3", "line-4"]);
  expect(error.map(({ custom_id }) => custom_id)).toEqual(["line-0", "line-1"]);
  expect(batch).toMatchObject({ status: "completed", completed: 3, failed: 2 });
  expect(errors).toContain("The store does not give out an object of a batch");
});
