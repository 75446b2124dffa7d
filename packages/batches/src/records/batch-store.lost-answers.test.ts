import { expect, test } from "vitest";
import { openLossyConnection, openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { type Acceptance, type BatchStore, createBatchStore } from "./batch-store.ts";

const lane = "sandbox.batch";
const accepted = { model: "m", lane, total: 3, chunks: [0, 2] };
const finished = { outputFileId: "file-2", errorFileId: null, completed: 3, failed: 0, usage: null };

async function readOf(batches: BatchStore, id: string) {
  const batch = await batches.read(id);
  if (batch === null) throw new Error("There is no batch");
  return batch;
}

/** Each move of a batch, and the moves that come before it. */
const moves = {
  accept: { before: [], move: (batches, id) => batches.accept(id, accepted) },
  fail: { before: [], move: (batches, id) => batches.fail(id, []) },
  cancel: { before: ["accept"], move: (batches, id) => batches.cancel(id, lane) },
  overdue: { before: ["accept"], move: (batches, id) => batches.overdue(id, lane) },
  settle: { before: ["accept"], move: async (batches, id) => batches.settle(await readOf(batches, id)) },
  finish: {
    before: ["accept", "settle"],
    move: async (batches, id) => batches.finish(await readOf(batches, id), finished),
  },
} satisfies Record<
  string,
  {
    before: string[];
    move: (batches: BatchStore, id: string) => Promise<boolean | "ok" | "gone" | "refused" | Acceptance>;
  }
>;
const names: ReadonlyMap<string, (typeof moves)[keyof typeof moves]> = new Map(Object.entries(moves));

test.each(Object.keys(moves))("the answer to `%s` is lost: the move is told as done, and done once", async (name) => {
  const { keys } = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const batches = createBatchStore(redis, keys);
  const { before = [], move } = names.get(name) ?? {};
  if (move === undefined) throw new Error(`There is no ${name}`);

  /** What a batch is after the move, and what the move was answered. */
  async function moved(losesAnswer: boolean) {
    const { id } = aBatch();
    await batches.create(aBatch({ id, webhook: "https://example.com/hook", webhookEvents: ["completed", "failed"] }));
    for (const earlier of before) await names.get(earlier)?.move(batches, id);
    const lost = losesAnswer ? loseAnswer(keys.endedBatches) : null;
    const moving = move?.(batches, id);
    await lost;
    const answer = await moving;
    const { status, version, outcome, ready } = await readOf(batches, id);
    const told = (await redis.zrange(keys.outbox, "0", "-1")).filter((entry) => entry.startsWith(id));
    return { answer, status, version, outcome, ready, told: told.length };
  }
  // Redis knows the script from then on, so that what is lost is its answer, and not the word that it is unknown.
  const once = await moved(false);
  expect(await moved(true)).toEqual(once);
});
