import { type Keys, redisTime } from "@darkroom/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { aDeployment, openLimits, silent } from "./deployment.fixture.ts";
import { type CallEnd, type Choice, createDeploymentLimits } from "./deployment-limits.ts";
import { readDeploymentFigures } from "./figures.ts";

const full = { kind: "full", waitMs: expect.any(Number) };

describe("a limit is kept by all workers together:", () => {
  test("calls at a time", async () => {
    const { choose } = await openLimits({ workers: 4 });
    const only = [aDeployment({ concurrency: 5 })];
    const choices = await Promise.all(Array.from({ length: 40 }, (_, at) => choose(only, {}, at % 4)));
    const chosen = choices.flatMap((choice) => (choice.kind === "chosen" ? [choice.call] : []));
    expect(chosen).toHaveLength(5);
    await chosen[0]?.end("ok");
    expect(await choose(only, {}, 3)).toMatchObject({ kind: "chosen" });
    expect(await choose(only, {}, 2)).toEqual(full);
  });

  test("requests a minute, though the calls have ended", async () => {
    const { choose, take } = await openLimits({ workers: 2 });
    const only = [aDeployment({ requestsPerMinute: 3 })];
    for (const worker of [0, 1, 0]) await (await take(only, {}, worker)).end("ok");
    expect(await choose(only, {}, 1)).toEqual(full);
  });

  test("images a minute: a small request has room where a large one has none", async () => {
    const { choose, take } = await openLimits();
    const only = [aDeployment({ imagesPerMinute: 10 })];
    await take(only, { images: 8 });
    expect(await choose(only, { images: 4 })).toEqual(full);
    expect(await choose(only, { images: 2 })).toMatchObject({ kind: "chosen" });
  });

  test("there is room again when the minute is over, and not before", async () => {
    const { choose, redis, askedIn } = await openLimits();
    const only = [aDeployment({ requestsPerMinute: 1 })];
    const second = Math.floor((await redisTime(redis)) / 1_000);
    await askedIn(second - 58);
    const choice = await choose(only);
    expect(choice.kind === "full" && choice.waitMs).toBeGreaterThan(500);
    await askedIn(second - 61);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("a count that cannot be read counts for nothing, and keeps no generation waiting", async () => {
    const { choose, redis, keys } = await openLimits();
    await redis.set(keys.deploymentAsked("a"), "no MessagePack");
    expect(await choose([aDeployment({ requestsPerMinute: 1 })])).toMatchObject({ kind: "chosen" });
    expect(await choose([aDeployment({ requestsPerMinute: 1 })])).toEqual(full);
  });

  test("what was chosen and not made does not count", async () => {
    const { choose, take } = await openLimits();
    const only = [aDeployment({ requestsPerMinute: 1, concurrency: 1 })];
    await (await take(only)).end("unused");
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("batches leave a tenth of it to callers who wait", async () => {
    const { choose } = await openLimits();
    const only = [aDeployment({ concurrency: 10 })];
    const ofBatches = await Promise.all(Array.from({ length: 12 }, () => choose(only, { isBatch: true })));
    expect(ofBatches.filter(({ kind }) => kind === "chosen")).toHaveLength(9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
    expect(await choose(only)).toEqual(full);
  });

  test("the calls of a dead worker stop counting after a lease, those of a living one do not", async () => {
    const { choose, take, redis, keys } = await openLimits({ leaseMs: 300 });
    const only = [aDeployment({ concurrency: 2 })];
    await take(only);
    // No worker renews it.
    await redis.zadd(keys.deploymentCalls("a"), (await redisTime(redis)) + 300, "of a dead worker");
    expect(await choose(only)).toEqual(full);
    await expect.poll(() => choose(only)).toMatchObject({ kind: "chosen" });
    expect(await redis.zcard(keys.deploymentCalls("a"))).toBe(2);
  });
});

describe("the choice", () => {
  test("is among those of the first priority that have room", async () => {
    const { take } = await openLimits();
    const both = [aDeployment({ name: "a", priority: 2 }), aDeployment({ name: "b", priority: 1, concurrency: 1 })];
    expect((await take(both)).deployment.name).toBe("b");
    expect((await take(both)).deployment.name).toBe("a");
  });

  test("is by weight", async () => {
    let random = 0;
    const { take } = await openLimits({ random: () => random });
    const both = [aDeployment({ name: "a", weight: 3 }), aDeployment({ name: "b", weight: 1 })];
    const counts = { a: 0, b: 0 };
    for (let at = 0; at < 40; at++) {
      random = (at + 0.5) / 40;
      const { deployment } = await take(both);
      counts[deployment.name === "a" ? "a" : "b"]++;
    }
    expect(counts).toEqual({ a: 30, b: 10 });
  });

  test("is by what is free of the tightest limit", async () => {
    const { take } = await openLimits({ random: () => 0.6 });
    const a = aDeployment({ name: "a", concurrency: 10 });
    const b = aDeployment({ name: "b", concurrency: 10 });
    for (let at = 0; at < 9; at++) await take([b]);
    // A tenth of b is free, and all of a: a has ten of eleven parts.
    expect((await take([a, b])).deployment.name).toBe("a");
  });

  test("is the same again where its answer was lost", async () => {
    const { redis, keys, take } = await openLimits();
    const call = await take([aDeployment({ concurrency: 1 })]);
    const [id = ""] = await redis.zrange(keys.deploymentCalls("a"), "0", "-1");
    expect(id).not.toBe("");
    await call.end("ok");
    await call.end("ok");
    expect(await redis.zcard(keys.deploymentCalls("a"))).toBe(0);
  });
});

describe("a rate limit closes the deployment that it is of, and no other,", () => {
  test("for as long as the upstream says", async () => {
    const { choose, take } = await openLimits();
    const a = aDeployment({ name: "a" });
    const b = aDeployment({ name: "b", priority: 2 });
    await (await take([a, b])).end("limited", 20_000);
    expect((await take([a, b])).deployment.name).toBe("b");
    const choice = await choose([a]);
    expect(choice.kind === "full" && choice.waitMs).toBeGreaterThan(19_000);
  });

  test("then it has one call at a time, and twice as many with each that succeeds", async () => {
    const { choose, take, open } = await openLimits();
    const only = [aDeployment()];
    await (await take(only)).end("limited");
    await open("a");
    const probe = await take(only);
    expect(probe.isPaced).toBe(true);
    expect(await choose(only)).toEqual(full);
    await probe.end("ok");
    const two = [await take(only), await take(only)];
    expect(await choose(only)).toEqual(full);
    for (const call of two) await call.end("ok");
    await Promise.all(Array.from({ length: 8 }, () => take(only)));
    expect(await choose(only)).toEqual(full);
  });

  test("and a call that it has not refused after a while lets more go", async () => {
    const { choose, take, open } = await openLimits();
    const only = [aDeployment()];
    await (await take(only)).end("limited");
    await open("a");
    const call = await take(only);
    expect(await choose(only)).toEqual(full);
    await call.accepted();
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });

  test("twenty calls that are refused at once are one refusal", async () => {
    const { take, redis, keys } = await openLimits();
    const calls = await Promise.all(Array.from({ length: 20 }, () => take([aDeployment()])));
    for (const call of calls) await call.end("limited");
    expect(await redis.hget(keys.deployment("a"), "closings")).toBe("1");
  });
});

describe("failures open the circuit", () => {
  const fail = async (outcomes: readonly CallEnd[]) => {
    const { choose, take, open } = await openLimits();
    const only = [aDeployment()];
    for (const outcome of outcomes) await (await take(only)).end(outcome);
    return { choose: () => choose(only), take: () => take(only), open: () => open("a") };
  };

  test.each<[string, CallEnd[]]>([
    ["after five in a row", ["failed", "failed", "failed", "failed", "failed"]],
    ["after one that says that the account is wrong", ["broken"]],
  ])("%s", async (_, outcomes) => {
    const { choose } = await fail(outcomes);
    const choice = await choose();
    expect(choice.kind === "full" && choice.waitMs).toBeGreaterThan(20_000);
  });

  test.each<[string, CallEnd[]]>([
    ["four", ["failed", "failed", "failed", "failed"]],
    ["five with a success between them", ["failed", "failed", "failed", "ok", "failed", "failed"]],
    [
      "refusals of requests that their callers have to change",
      ["answered", "answered", "answered", "answered", "answered"],
    ],
    ["calls that were aborted", ["dropped", "dropped", "dropped", "dropped", "dropped"]],
  ])("and not %s", async (_, outcomes) => {
    const { choose } = await fail(outcomes);
    expect(await choose()).toMatchObject({ kind: "chosen" });
  });

  test("one call at a time finds out whether it works again; one that fails opens it for twice as long", async () => {
    const { choose, take, open } = await fail(["broken"]);
    await open();
    const probe = await take();
    expect(await choose()).toEqual(full);
    await probe.end("failed");
    expect(await choose()).toEqual(full);
    await open();
    await (await take()).end("answered");
    await Promise.all([take(), take()]);
  });
});

test("an upstream that hangs is not taken for one that works again: only an answer lets more calls go", async () => {
  const { choose, take, open } = await openLimits();
  const only = [aDeployment()];
  await (await take(only)).end("broken");
  await open("a");
  const probe = await take(only);
  await probe.accepted();
  expect(await choose(only)).toEqual(full);
  await probe.end("ok");
  await Promise.all([take(only), take(only)]);
});

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
    ["that is over", (nowMs: number) => `gen_1 ${nowMs - 60_000} ${nowMs - 1} 4 4 0`],
    ["that lasts for longer than any", (nowMs: number) => `gen_1 ${nowMs - 1} ${nowMs + 600_000} 4 4 0`],
    ["from before a clock was set back", (nowMs: number) => `gen_1 ${nowMs + 60_000} ${nowMs + 90_000} 4 4 0`],
    ["that cannot be read", () => "gen_1"],
  ])("keeps nothing by a claim %s", async (_, claimOf) => {
    const { redis, keys, choose, spread } = await used();
    await redis.hset(keys.deployment("a"), { claim: claimOf(await redisTime(redis)) });
    await spread(40, 9);
    expect(await choose(only)).toMatchObject({ kind: "chosen" });
  });
});

test("a caller's job comes back soon, however many jobs of batches wait", async () => {
  const { choose, take } = await openLimits();
  const only = [aDeployment({ concurrency: 10 })];
  for (let at = 0; at < 10; at++) await take(only);
  const waitOf = (choice: Choice) => (choice.kind === "full" ? choice.waitMs : 0);
  const ofBatches = await Promise.all(Array.from({ length: 400 }, () => choose(only, { isBatch: true })));
  expect(Math.max(...ofBatches.map(waitOf))).toBeGreaterThan(20_000);
  expect(waitOf(await choose(only))).toBeLessThan(1_000);
});

test("jobs that find no room are told different times", async () => {
  const { choose, take } = await openLimits();
  const only = [aDeployment({ concurrency: 2 })];
  await take(only);
  await take(only);
  const choices = await Promise.all(Array.from({ length: 10 }, () => choose(only)));
  const waits = choices.map((choice) => (choice.kind === "full" ? choice.waitMs : 0));
  expect(new Set(waits).size).toBe(10);
  expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
});
