import { noBudget } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { lineGenerationId } from "./line-result.ts";
import { createLineStore } from "./line-store.ts";
import { bill, delivery, openQueue } from "@darkroom/generations/queue-fixture";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const lane = "sandbox.batch";

/** A queue with one batch of one line, which is on its lane, and the function that moves its result to the object store. */
async function openLine() {
  const queue = await openQueue();
  const { redis, keys, lanes } = queue;
  const batches = createBatchStore(redis, keys);
  const given = aBatch();
  await batches.create(given);
  await batches.accept(given.id, { model: "m", lane, total: 1, chunks: [0] });
  const lines = createLineStore({ redis, keys, lanes, log });
  const line = {
    index: 0,
    custom_id: "line-0",
    request: { prompt: "a cat" },
    upstream: { model: "m-2", parameters: { n: 1 } },
    terms: {},
    images: 1,
    worst: 0,
  };
  await lines.feed({ ...given, lane, model: "m" }, 0, [line], noBudget);

  async function collect(): Promise<string> {
    let results = "";
    const batch = await batches.read(given.id);
    if (batch === null) throw new Error("There is no batch");
    await lines.collect(batch, { most: 10, fewest: 1 }, async ({ text }) => {
      results = text;
      return "stored";
    });
    return results;
  }
  return { ...queue, id: lineGenerationId(given.id, 0), collect };
}

test("a line that is collected before its worker hears that it has ended keeps its images", async () => {
  const queue = await openLine();
  let results = "";
  const verdicts: string[] = [];
  const worker = queue.worker(
    async ({ checkpoint }) => {
      await checkpoint(delivery, []);
      return { kind: "succeeded", delivery };
    },
    {
      lane,
      attempts: {
        ...queue.attempts,
        async succeed(...args) {
          const verdict = await queue.attempts.succeed(...args);
          verdicts.push(verdict);
          if (verdicts.length > 1) return verdict;
          results = await queue.collect();
          throw new Error("The connection broke before the answer came");
        },
      },
    },
  );
  await expect.poll(() => verdicts).toEqual(["ok", "gone"]);
  await worker.close(1_000);
  expect(results).toContain(delivery.images[0]?.key);
  expect(queue.droppedObjects).toEqual([]);
});

test("a line that another worker has delivered and a round has collected keeps its images", async () => {
  const queue = await openLine();
  const noted = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const worker = queue.worker(
    async ({ checkpoint }) => {
      await checkpoint(delivery, []);
      noted.resolve();
      await mayEnd.promise;
      return { kind: "succeeded", delivery };
    },
    { lane },
  );
  await noted.promise;
  // The worker is frozen for longer than its lock. The next one finds what it has stored, and delivers that.
  await queue.attempts.start(queue.id, lane);
  await queue.attempts.succeed(queue.id, lane, 2, delivery, bill);
  expect(await queue.collect()).toContain(delivery.images[0]?.key);
  mayEnd.resolve();
  await worker.close(1_000);
  expect(queue.droppedObjects).toEqual([]);
});
