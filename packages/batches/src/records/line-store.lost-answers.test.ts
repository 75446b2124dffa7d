import { noBudget } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { openLossyConnection, openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import { lineGenerationId } from "./line-result.ts";
import { createLineStore } from "./line-store.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const lane = "sandbox.batch";

test("lines whose feeding lost its answer are on their lane at once, and are taken in once", async () => {
  const { keys, lanes, redis: reader } = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const batch = aBatch();
  await createBatchStore(redis, keys).create(batch);
  await reader.hset(keys.batch(batch.id), "status", "in_progress");
  const lines = [0, 1].map((index) => ({
    index,
    custom_id: `line-${index}`,
    request: { prompt: "a cat" },
    upstream: { model: "m-2", parameters: { n: 1 } },
    terms: {},
    images: 1,
    worst: 0,
  }));
  const store = createLineStore({ redis, keys, lanes, log });

  const feed = (from: number) =>
    store.feed({ ...batch, lane, model: "m" }, from, lines.slice(from, from + 1), noBudget);

  // Redis knows the script from then on, so that the answer that is lost is that of the second feeding.
  expect(await feed(0)).toBe(1);
  const lost = loseAnswer(keys.batchEnded(batch.id));
  const fed = feed(1);
  await lost;
  expect(await fed).toBe(1);
  const ids = [0, 1].map((index) => lineGenerationId(batch.id, index));
  expect(await Promise.all(ids.map((id) => lanes.find(lane, id)))).toEqual(["waiting", "waiting"]);
  expect(await reader.hgetall(keys.pending(lane))).toEqual({ [batch.tenant]: "2" });
});
