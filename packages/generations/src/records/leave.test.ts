import { describe, expect, onTestFinished, test } from "vitest";
import { startHeartbeat } from "../waiting/heartbeat.ts";
import { openApi } from "./api-process.fixture.ts";

describe("a caller who leaves", () => {
  test("cancels a queued generation", async () => {
    const { queue, generations, submitted, leave } = await openApi();
    const given = await submitted();
    expect(await leave(given, "cut")).toBe("canceled");
    expect(await generations.read(given.id)).toMatchObject({ status: "canceled" });
    await queue.expectNothingButRecords();
  });

  test("does not cancel one that has begun, even between two attempts", async () => {
    const { attempts, begun, leave } = await openApi();
    const given = await begun();
    expect(await leave(given, "cut")).toBe("kept");
    await attempts.postpone(given.id, given.lane, 1, "failures", 0);
    expect(await leave(given, "cut")).toBe("kept");
  });

  test("does not cancel one that another caller waits for, of this process or another", async () => {
    const { queue, generations, ask, submitted, leave } = await openApi();
    const beside = await queue.waits("beside", 3_600_000);
    const first = await submitted({ idempotencyKey: "k" });
    const [here, there] = [
      ask({ idempotencyKey: "k" }),
      { ...ask({ idempotencyKey: "k" }), caller: beside.newCaller() },
    ];
    for (const one of [here, there]) await generations.submit(one);
    expect(await leave(first, "cut")).toBe("kept");
    expect(await leave({ ...first, caller: here.caller }, "cut")).toBe("kept");
    expect(await leave({ ...first, caller: there.caller }, "cut")).toBe("canceled");
  });

  test("cancels one that only a dead process waits for", async () => {
    const { queue, generations, ask, submitted, leave } = await openApi();
    const { redis, keys } = queue;
    const dead = await queue.waits("dead", 3_600_000);
    const first = await submitted({ idempotencyKey: "k" });
    await generations.submit({ ...ask({ idempotencyKey: "k" }), caller: dead.newCaller() });
    // Half a minute after its last heartbeat.
    await redis.zincrby(keys.instances, -30_001, dead.channel);
    expect(await leave(first, "cut")).toBe("canceled");
  });

  test("does not cancel one that another process waits for, which could not be heard while Redis was away", async () => {
    const { queue, api, generations, ask, submitted, leave } = await openApi();
    const { redis, keys } = queue;
    const beside = await queue.waits("beside", 3_600_000);
    const first = await submitted({ idempotencyKey: "k" });
    await generations.submit({ ...ask({ idempotencyKey: "k" }), caller: beside.newCaller() });
    for (const { channel } of [api, beside]) await redis.zincrby(keys.instances, -31_000, channel);
    expect(await leave(first, "cut")).toBe("kept");
    // The heartbeat of the first process is back, that of the other is on its way.
    const back = await startHeartbeat({ redis, keys, channel: api.channel, everyMs: 3_600_000 });
    onTestFinished(() => back.close());
    expect(await leave(first, "cut")).toBe("kept");
    // Half a minute later it has not come.
    await redis.del(`${keys.root}instances-returning`);
    expect(await leave(first, "cut")).toBe("canceled");
  });

  test("cancels one that only a dead process waits for, though the clock was set back since", async () => {
    const { queue, api, generations, ask, submitted, leave } = await openApi();
    const { redis, keys } = queue;
    const dead = await queue.waits("dead", 3_600_000);
    const first = await submitted({ idempotencyKey: "k" });
    await generations.submit({ ...ask({ idempotencyKey: "k" }), caller: dead.newCaller() });
    await redis.zincrby(keys.instances, 3_600_000, dead.channel);
    const beat = await startHeartbeat({ redis, keys, channel: api.channel, everyMs: 3_600_000 });
    onTestFinished(() => beat.close());
    await redis.zincrby(keys.instances, -30_001, dead.channel);
    expect(await leave(first, "cut")).toBe("canceled");
  });

  test("does not cancel one whose caller was told its id", async () => {
    const { generations, submitted, leave } = await openApi();
    const given = await submitted();
    expect(await generations.keep(given.id)).toBe("ok");
    expect(await leave(given, "cut")).toBe("kept");
    expect(await generations.keep("gen_none")).toBe("gone");
  });

  test("says the same when it is repeated", async () => {
    const { submitted, leave } = await openApi();
    const given = await submitted();
    expect([await leave(given, "cut"), await leave(given, "cut")]).toEqual(["canceled", "canceled"]);
  });

  test("leaves nothing behind when its answer was written", async () => {
    const { queue, begun, succeed, leave } = await openApi();
    const { redis, keys } = queue;
    const given = await begun();
    await succeed(given);
    await leave(given, "answered");
    expect(await redis.keys(`${keys.root}unanswered:*`)).toEqual([]);
    expect(await redis.keys(`${keys.root}waiters:*`)).toEqual([]);
  });
});
