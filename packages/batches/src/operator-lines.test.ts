import { createOperator } from "@darkroom/generations";
import { createFleet } from "@darkroom/redis";
import { expect, test } from "vitest";
import { lane, live, openLane, work } from "./open-lane.fixture.ts";

test("the operator finds the lines of a tenant that has nothing else, until they are collected", async () => {
  const opened = openLane();
  const { redis, keys, lanes, newRound, begin } = opened;
  const operator = createOperator({ redis, keys, lanes, fleet: createFleet({ redis, keys }) });
  const find = async () => (await operator.find({ filter: {}, limit: 10 }))?.records;
  const batchId = await begin(3, "lines-only");
  // Of a batch whose record is damaged no tenant is known.
  await redis.zadd(keys.activeBatches, 0, "batch_damaged");
  await redis.set(keys.batch("batch_damaged"), "no hash");
  const round = newRound();
  await round(live).catch(() => null);
  const line = { tenant: "lines-only", batchId, lane, status: "queued" };
  expect(await find()).toMatchObject([line, line, line]);
  await work(opened, batchId);
  expect(await find()).toHaveLength(3);
});
