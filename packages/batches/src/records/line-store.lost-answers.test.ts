import { type Budget, noBudget } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { delivery, openLossyConnection, openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { lineGenerationId } from "./line-result.ts";
import { createLineStore } from "./line-store.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const lane = "sandbox.batch";
const bill = { images: 1, inputTokens: 0, outputTokens: 0, costMicros: 5, providerCostMicros: null };

/** A batch of lines that may cost 10 micros each, fed over a connection that loses answers. */
async function openLossyLines() {
  const queue = await openQueue();
  const { keys, lanes, redis: reader } = queue;
  const { redis, loseAnswer } = await openLossyConnection();
  const batch = aBatch();
  await createBatchStore(redis, keys).create(batch);
  await reader.hset(keys.batch(batch.id), "status", "in_progress");
  const store = createLineStore({ redis, keys, lanes, log });
  const lineAt = (index: number) => ({
    index,
    custom_id: `line-${index}`,
    request: { prompt: "a cat" },
    upstream: { model: "m-2", parameters: { n: 1 } },
    terms: {},
    images: 1,
    worst: 10,
  });
  return {
    ...queue,
    reader,
    batch,
    loseAnswer: () => loseAnswer(keys.batchEnded(batch.id)),
    idOf: (index: number) => lineGenerationId(batch.id, index),
    /** Feeds so many lines, the first of them that of the index. */
    feed: (from: number, lines = 1, budget: Budget = noBudget) =>
      store.feed(
        { ...batch, lane, model: "m" },
        from,
        Array.from({ length: lines }, (_, i) => lineAt(from + i)),
        budget,
      ),
    sums: () => reader.hgetall(`${keys.root}account:${batch.keyId}`),
  };
}

test("lines whose feeding lost its answer are on their lane at once, and are taken in once", async () => {
  const { keys, lanes, reader, batch, feed, loseAnswer, idOf } = await openLossyLines();
  // Redis knows the script from then on, so that the answer that is lost is that of the second feeding.
  expect((await feed(0)).fed).toBe(1);
  const lost = loseAnswer();
  const fed = feed(1);
  await lost;
  expect((await fed).fed).toBe(1);
  expect(await Promise.all([0, 1].map((index) => lanes.find(lane, idOf(index))))).toEqual(["waiting", "waiting"]);
  expect(await reader.hgetall(keys.pending(lane))).toEqual({ [batch.tenant]: "2" });
});

test("a feeding that money stopped halfway and that lost its answer takes in and reserves what fits, once", async () => {
  const { keys, lanes, reader, batch, feed, loseAnswer, idOf, sums } = await openLossyLines();
  const budget = { day: null, month: null, total: 35 };
  expect(await feed(0, 1, budget)).toEqual({ fed: 1, waitsForMoney: false });
  const lost = loseAnswer();
  const fed = feed(1, 5, budget);
  await lost;
  expect(await fed).toEqual({ fed: 2, waitsForMoney: true });
  expect(await sums()).toMatchObject({ reserved: "30" });
  expect(await reader.hget(keys.batch(batch.id), "fed")).toBe("3");
  expect(await Promise.all([1, 2, 3].map((index) => lanes.find(lane, idOf(index))))).toEqual([
    "waiting",
    "waiting",
    null,
  ]);
  expect(await reader.hgetall(keys.pending(lane))).toEqual({ [batch.tenant]: "3" });
  expect(await reader.llen(keys.batchEnded(batch.id))).toBe(0);
});

test("a feeding that finds no money and lost its answer changes nothing, and the line is taken in when there is room", async () => {
  const { keys, reader, batch, feed, loseAnswer, idOf, sums, attempts } = await openLossyLines();
  const budget = { day: null, month: null, total: 15 };
  await feed(0, 1, budget);
  const lost = loseAnswer();
  const fed = feed(1, 1, budget);
  await lost;
  expect(await fed).toEqual({ fed: 0, waitsForMoney: true });
  expect(await sums()).toMatchObject({ reserved: "10" });
  expect(await reader.hget(keys.batch(batch.id), "fed")).toBe("1");
  await attempts.start(idOf(0), lane);
  await attempts.succeed(idOf(0), lane, 1, delivery, bill);
  expect(await feed(1, 1, budget)).toEqual({ fed: 1, waitsForMoney: false });
  expect(await sums()).toMatchObject({ reserved: "10", total: "5" });
});
