import { redisTime } from "@darkroom/redis";
import { describe, expect, test } from "vitest";
import { aDeployment, openLimits } from "./deployment.fixture.ts";
import type { CallEnd, Choice } from "./deployment-limits.ts";

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
