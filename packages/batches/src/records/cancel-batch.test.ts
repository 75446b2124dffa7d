import { expect, test } from "vitest";
import { openLossyConnection, openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { batchTask, laneOfTask } from "./batch-task.ts";
import { createBatchCanceler } from "./cancel-batch.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** The store of batches over a line that loses answers, and the way to cancel over it. */
async function openCanceler() {
  const { keys, lanes } = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const batches = createBatchStore(redis, keys);
  const batch = aBatch();
  await batches.create(batch);
  const cancel = () => createBatchCanceler({ batches, lanes, log })({ id: batch.id, lane: null });
  return { keys, loseAnswer, lanes, batches, batch, cancel };
}

test("a batch whose cancellation lost its answer is canceled, and its files are put together at once", async () => {
  const { keys, loseAnswer, lanes, batch, cancel } = await openCanceler();
  const lost = loseAnswer(keys.endedBatches);
  const canceled = cancel();
  await lost;
  expect(await canceled).toMatchObject({ status: "cancelling", ready: true });
  const job = batchTask.finalize(batch.id);
  expect(await lanes.find(laneOfTask(job), job)).toBe("waiting");
});

test("a batch that has ended cannot be canceled", async () => {
  const { batches, batch, cancel } = await openCanceler();
  await batches.fail(batch.id, []);
  expect(await cancel()).toBeNull();
});

test("a batch whose files were put together as soon as it was canceled is told as canceled", async () => {
  const { batches, lanes, batch } = await openCanceler();
  const cancel: typeof batches.cancel = async (id, lane) => {
    const moved = await batches.cancel(id, lane);
    const canceled = await batches.read(id);
    if (canceled === null) throw new Error("There is no batch");
    await batches.finish(canceled, { outputFileId: null, errorFileId: null, completed: 0, failed: 0, usage: null });
    return moved;
  };
  const canceler = createBatchCanceler({ batches: { read: batches.read, cancel }, lanes, log });
  expect(await canceler({ id: batch.id, lane: null })).toMatchObject({ status: "cancelled" });
});
