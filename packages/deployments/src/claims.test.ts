import { redisTime } from "@darkroom/redis";
import { describe, expect, test } from "vitest";
import { aDeployment, openLimits } from "./deployment.fixture.ts";

const full = { kind: "full", waitMs: expect.any(Number) };

describe("a generation that asks for several images", () => {
  const only = [aDeployment({ imagesPerMinute: 10 })];
  const four = (generationId: string, more: object = {}) => ({
    images: 4,
    waiting: { generationId, queuedAtMs: 0 },
    ...more,
  });

  /** The ten images of the minute were asked for one in each second, of which the first becomes free in some seconds. */
  async function used() {
    const opened = await openLimits();
    const { redis, keys } = opened;
    /** Writes them, the first so many seconds ago, and moves none of what was asked for in this second. */
    const spread = async (firstAgo: number, count: number) => {
      const lua = `local now, list = tonumber(redis.call('TIME')[1]), {}
        for at = 1, tonumber(ARGV[2]) do list[3 * at - 2], list[3 * at - 1], list[3 * at] = now - ARGV[1] + at, 1, 1 end
        return redis.call('SET', KEYS[1], cmsgpack.pack(list))`;
      await redis.eval(lua, 1, keys.deploymentAsked("a"), firstAgo, count);
    };
    await spread(40, 10);
    return { ...opened, spread };
  }

  test("has what becomes free kept for it where it has waited for long, and takes it", async () => {
    const { choose, take, spread } = await used();
    const told = await choose(only, four("gen_1"));
    expect(told.kind === "full" && told.waitMs).toBeLessThanOrEqual(30_000);
    // One image is free, then three. Others ask for one each.
    await spread(40, 9);
    expect(await choose(only)).toEqual(full);
    await spread(40, 7);
    expect(await choose(only)).toEqual(full);
    await spread(40, 6);
    expect(await choose(only)).toEqual(full);
    await take(only, four("gen_1"));
    await spread(40, 9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("has it kept where the state of the deployment was of another type", async () => {
    const { redis, keys, choose, spread } = await used();
    await redis.set(keys.deployment("a"), "damaged");
    expect(await choose(only, four("gen_1"))).toEqual(full);
    await spread(40, 9);
    expect(await choose(only)).toEqual(full);
  });

  test("waits with the others where it came a moment ago", async () => {
    const { redis, choose, spread } = await used();
    await choose(only, four("gen_1", { waiting: { generationId: "gen_1", queuedAtMs: await redisTime(redis) } }));
    await spread(40, 9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("of a batch keeps nothing from callers", async () => {
    const { choose, spread } = await used();
    await choose(only, four("gen_1", { isBatch: true }));
    await spread(40, 8);
    expect(await choose(only, { isBatch: true })).toEqual(full);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("claims room although one of a batch did before", async () => {
    const { choose, spread } = await used();
    await choose(only, four("gen_1", { isBatch: true }));
    await choose(only, four("gen_2"));
    await spread(40, 9);
    expect(await choose(only)).toEqual(full);
  });

  test("leaves others as much time as it took, before another one has room kept for it", async () => {
    const { redis, keys, choose, take, spread } = await used();
    await choose(only, four("gen_1"));
    const [id, since, ...rest] = (await redis.hget(keys.deployment("a"), "claim"))?.split(" ") ?? [];
    await redis.hset(keys.deployment("a"), { claim: [id, Number(since) - 20_000, ...rest].join(" ") });
    await spread(40, 6);
    await take(only, four("gen_1"));
    await spread(40, 10);
    await choose(only, four("gen_2"));
    await spread(40, 9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
    // The time is over.
    await redis.hset(keys.deployment("a"), { claimRest: "1" });
    await choose(only, four("gen_2"));
    await spread(40, 9);
    expect(await choose(only)).toEqual(full);
  });

  test.each([
    ["that is over", (nowMs: number) => `gen_1 ${nowMs - 60_000} ${nowMs - 1} 4 4`],
    ["that lasts for longer than any", (nowMs: number) => `gen_1 ${nowMs - 1} ${nowMs + 600_000} 4 4`],
    ["from before a clock was set back", (nowMs: number) => `gen_1 ${nowMs + 60_000} ${nowMs + 90_000} 4 4`],
    ["that cannot be read", () => "gen_1"],
  ])("keeps nothing by a claim %s", async (_, claimOf) => {
    const { redis, keys, choose, spread } = await used();
    await redis.hset(keys.deployment("a"), { claim: claimOf(await redisTime(redis)) });
    await spread(40, 9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });
});
