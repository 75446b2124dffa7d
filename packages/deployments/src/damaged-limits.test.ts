import type { Keys } from "@darkroom/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { aDeployment, openLimits, silent } from "./deployment.fixture.ts";
import { createDeploymentLimits } from "./deployment-limits.ts";
import { readDeploymentFigures } from "./figures.ts";

const full = { kind: "full", waitMs: expect.any(Number) };

test.each<[string, (keys: Keys) => string, "hash" | "string" | "text"]>([
  ["its state is of another type", (keys) => keys.deployment("a"), "string"],
  ["its state holds what is no number", (keys) => keys.deployment("a"), "text"],
  ["its calls are of another type", (keys) => keys.deploymentCalls("a"), "string"],
  ["its count is of another type", (keys) => keys.deploymentAsked("a"), "hash"],
  ["the line of its model is of another type", (keys) => keys.deploymentLine("m"), "hash"],
])("a deployment is chosen and its limit is kept although %s", async (_, nameOf, damage) => {
  const { redis, keys, choose, take } = await openLimits();
  const name = nameOf(keys);
  if (damage === "string") await redis.set(name, "damaged");
  else if (damage === "hash") await redis.hset(name, { damaged: "1" });
  else await redis.hset(name, { closedUntil: "soon", notedAt: "now", pace: "slow" });
  const only = [aDeployment({ concurrency: 1, requestsPerMinute: 9 })];
  const call = await take(only);
  expect(await choose(only)).toEqual(full);
  await call.end("ok");
  expect(await choose(only)).toMatchObject({ kind: "chosen" });
});

const damages: Record<string, Record<string, string>> = {
  "a closing without an end": { closedUntil: "inf", notedAt: "1" },
  "a closing that is longer than any": { closedUntil: "99999999999999", notedAt: "1" },
  "a closing of no number": { closedUntil: "soon", notedAt: "now" },
  "a pace of nothing": { pace: "0" },
  "a pace that is no number": { pace: "nan" },
  "a duration without an end": { serviceMs: "inf", pace: "4" },
};

describe("a state that holds", () => {
  test.each(Object.entries(damages))("%s closes no deployment, and is shown", async (_, damage) => {
    const { redis, keys, choose, take } = await openLimits();
    await redis.hset(keys.deployment("a"), damage);
    const only = [aDeployment({ concurrency: 1 })];
    const call = await take(only);
    // The call counts, whatever the state says.
    expect(await choose(only)).toEqual(full);
    expect(await readDeploymentFigures({ redis, keys }, "a")).toMatchObject({ underWay: 1, closedMs: 0 });
    await call.end("limited");
    expect(await readDeploymentFigures({ redis, keys }, "a")).toMatchObject({ underWay: 0, closedFor: "limit" });
  });

  test("nothing that can be read leaves the calls under way and the count of the minute as they are", async () => {
    const { redis, keys, choose, take } = await openLimits();
    await take([aDeployment({ concurrency: 1, requestsPerMinute: 1 })]);
    await redis.set(keys.deployment("a"), "damaged");
    expect(await choose([aDeployment({ concurrency: 1 })])).toEqual(full);
    expect(await choose([aDeployment({ requestsPerMinute: 1 })])).toEqual(full);
    expect(await readDeploymentFigures({ redis, keys }, "a")).toMatchObject({ underWay: 1, requestsOfMinute: 1 });
  });
});

test.each([
  ["words", "{ now, 'many', 'many' }"],
  ["a second that is no number", "{ 'now', 1, 1 }"],
  ["no number of images", "{ now, 1, 0 / 0 }"],
  ["less than nothing", "{ now, -1000, -1000 }"],
  ["half a second", "{ now, 1 }"],
])("a count with %s is left out, and the other limits are kept", async (_, value) => {
  const { redis, keys, choose, take } = await openLimits();
  const write = async () => {
    const lua = `local now = tonumber(redis.call('TIME')[1]); return redis.call('SET', KEYS[1], cmsgpack.pack(${value}))`;
    await redis.eval(lua, 1, keys.deploymentAsked("a"));
  };
  await write();
  await take([aDeployment({ concurrency: 1 })]);
  await write();
  expect(await choose([aDeployment({ concurrency: 1 })])).toEqual(full);
  await take([aDeployment({ requestsPerMinute: 1 })]);
  expect(await choose([aDeployment({ requestsPerMinute: 1 })])).toEqual(full);
});

describe("the renewal of calls", () => {
  test("goes on where those of one deployment are of another type", async () => {
    const { redis, keys, take } = await openLimits({ leaseMs: 300 });
    await take([aDeployment({ name: "a" })]);
    await take([aDeployment({ name: "b" })]);
    await redis.set(keys.deploymentCalls("a"), "damaged");
    await expect.poll(() => redis.type(keys.deploymentCalls("a"))).toBe("zset");
    expect(await redis.zcard(keys.deploymentCalls("b"))).toBe(1);
  });

  test("by a worker with a short lease leaves those of one with a long lease", async () => {
    const { redis, keys, take } = await openLimits();
    const only = [aDeployment()];
    await take(only);
    const limits = createDeploymentLimits({ redis, keys, leaseMs: 300, log: silent });
    onTestFinished(() => limits.close());
    expect(await limits.choose({ model: "m", deployments: only, images: 1, isBatch: false })).toMatchObject({
      kind: "chosen",
    });
    expect(await redis.pttl(keys.deploymentCalls("a"))).toBeGreaterThan(20_000);
  });
});
