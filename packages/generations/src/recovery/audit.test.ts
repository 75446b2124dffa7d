import { redisTime } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { createPackRecord } from "../packing/pack-ended.ts";
import { bill, delivery, free, openQueue, type TestQueue } from "../queue.fixture.ts";
import type { Submission } from "../records/submission.ts";

const lane = "sandbox.interactive";
const priced = { ...free, worstCaseMicros: 500 };

async function openAudit(retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 }) {
  const log = { debug() {}, info() {}, warn() {}, error: vi.fn<(fields: object, sentence: string) => void>() };
  const queue = await openQueue({ retention, log });
  const audit = queue.audit();
  return {
    ...queue,
    log,
    /** One pass through all records. */
    pass: async (): Promise<void> => {
      await audit.step();
      await audit.step();
    },
    submitted: async (over: Partial<Submission> = {}): Promise<Submission> => {
      const given = queue.submission({ admission: priced, ...over });
      await queue.generations.submit(given);
      return given;
    },
    account: async (keyId = "key") =>
      queue.redis.hmget(`${queue.keys.root}account:${keyId}`, "active", "queued", "reserved"),
    pending: async () => queue.redis.hgetall(queue.keys.pending(lane)),
  };
}

async function run(queue: TestQueue, { id }: Submission): Promise<void> {
  await queue.attempts.start(id, lane);
}

test("a pass over records that are as they should be changes nothing and says nothing", async () => {
  const queue = await openAudit();
  const { redis, keys, log, pass, submitted } = queue;
  await submitted({ expiresInMs: 60_000 });
  await run(queue, await submitted());
  const ended = await submitted();
  await run(queue, ended);
  await queue.attempts.succeed(ended.id, lane, 1, delivery, bill);
  const state = async () => {
    const lists = [keys.queued, keys.running, keys.expiring, keys.retained, keys.index("acme")];
    return Promise.all([
      queue.account(),
      queue.pending(),
      redis.hgetall(keys.ranks(lane)),
      ...lists.map((list) => redis.zrange(list, "0", "-1", "WITHSCORES")),
    ]);
  };
  const before = await state();
  for (let i = 0; i < 3; i++) await pass();
  expect(await state()).toEqual(before);
  expect(log.error).not.toHaveBeenCalled();
  expect(await redis.keys(`${keys.root}audit-*`)).toEqual([]);
});

test("what a record says is put back on every list that it is missing from", async () => {
  const queue = await openAudit();
  const { redis, keys, pass, submitted } = queue;
  const waiting = await submitted({ expiresInMs: 60_000 });
  const running = await submitted();
  await run(queue, running);
  const failed = await submitted();
  await run(queue, failed);
  await queue.attempts.fail(failed.id, lane, 1, { code: "upstream_error", message: "It broke." });
  const lists = [keys.queued, keys.running, keys.expiring, keys.retained, keys.index("acme")];
  const members = () => Promise.all(lists.map((list) => redis.zrange(list, "0", "-1")));
  const before = await members();
  expect(before.every((list) => list.length > 0)).toBe(true);
  const [deadline] = await redis.zmscore(keys.expiring, waiting.id);
  await redis.del(...lists);
  await pass();
  expect(await members()).toEqual(before);
  expect(await redis.zmscore(keys.expiring, waiting.id)).toEqual([deadline]);
});

test("a tenant's rank is not behind the ranks of its own jobs", async () => {
  const { redis, keys, generations, pass, submitted, submission } = await openAudit();
  for (let i = 0; i < 3; i++) await submitted();
  await redis.del(keys.ranks(lane));
  await pass();
  expect(await generations.submit(submission())).toMatchObject({ kind: "accepted", priority: 4 });
});

test("sums of an account that differ from the records are corrected when two passes have found the same difference", async () => {
  const queue = await openAudit();
  const { redis, keys, log, pass, submitted, account } = queue;
  const first = await submitted();
  await submitted();
  await run(queue, first);
  expect(await account()).toEqual(["2", "1", "1000"]);
  await redis.del(`${keys.root}account:key`);
  await pass();
  expect(await account()).toEqual([null, null, null]);
  expect(log.error).not.toHaveBeenCalled();
  // What comes and goes in between changes both sides.
  await submitted();
  await queue.attempts.fail(first.id, lane, 1, { code: "upstream_error", message: "It broke." });
  await pass();
  expect(await account()).toEqual(["2", "2", "1000"]);
  expect(log.error).toHaveBeenCalledOnce();
});

test("what no record stands for any more is taken out of the sums", async () => {
  const { redis, keys, pass, account, pending } = await openAudit();
  await redis.hset(`${keys.root}account:key`, { active: 27, queued: 27, reserved: 432_000, total: 5 });
  await redis.hset(keys.pending(lane), "acme", 27);
  await redis.hset(keys.ranks(lane), { acme: 90, "": 80 });
  for (let i = 0; i < 2; i++) await pass();
  expect(await account()).toEqual(["0", "0", "0"]);
  expect(await redis.hget(`${keys.root}account:key`, "total")).toBe("5");
  expect(await pending()).toEqual({});
  expect(await redis.exists(keys.ranks(lane))).toBe(0);
});

test("ranks that are left over on an empty lane are removed", async () => {
  const { redis, keys, pass } = await openAudit();
  await redis.hset(keys.ranks(lane), { acme: 90, "": 80 });
  await pass();
  expect(await redis.exists(keys.ranks(lane))).toBe(0);
});

test("the numbers of a lane are recounted", async () => {
  const queue = await openAudit();
  const { redis, keys, pass, submitted, pending } = queue;
  for (let i = 0; i < 3; i++) await submitted();
  await submitted({ tenant: "other" });
  await redis.del(keys.pending(lane));
  await pass();
  expect(await pending()).toEqual({ acme: "3", other: "1" });
});

test("while one worker audits the others wait, and one goes on where it has died", async () => {
  const queue = await openAudit();
  const { submitted, redis, keys } = queue;
  for (let i = 0; i < 5; i++) await submitted();
  const [one, other] = [queue.audit({ names: 1 }), queue.audit({ names: 1 })];
  expect(await one.step()).toBe(0);
  expect(await other.step()).toBeGreaterThan(1_000);
  await redis.hset(`${keys.root}audit`, "heldUntil", 1);
  const epoch = await redis.hget(`${keys.root}audit`, "epoch");
  expect(await other.step()).toBe(0);
  expect(await redis.hget(`${keys.root}audit`, "epoch")).toBe(epoch);
  expect(await one.step()).toBeGreaterThan(1_000);
});

test("between two passes there is a pause", async () => {
  const queue = await openAudit();
  const [one, other] = [queue.audit({ pauseMs: 60_000 }), queue.audit({ pauseMs: 60_000 })];
  await one.step();
  expect(await one.step()).toBe(60_000);
  expect(await other.step()).toBeGreaterThan(50_000);
});

test("a pass that another server has begun starts over", async () => {
  const queue = await openAudit();
  const { redis, keys } = queue;
  const one = queue.audit();
  await one.step();
  await redis.hset(`${keys.root}audit`, { run: "another", phase: "sums", epoch: "1" });
  await one.step();
  expect(await redis.hget(`${keys.root}audit`, "epoch")).not.toBe("1");
});

test("a record that makes no sense does not keep the audit from the others", async () => {
  const { redis, keys, log, pass, submitted, generations, quarantine } = await openAudit();
  const bad = await submitted();
  await redis.hset(keys.record(bad.id), { status: "failed", endedAt: "yesterday" });
  const good = await submitted();
  await redis.del(keys.queued);
  await pass();
  expect(await redis.zscore(keys.queued, good.id)).not.toBeNull();
  expect(await quarantine.list({ limit: 10 })).toMatchObject([
    { kind: "audit", subject: keys.record(bad.id), droppable: false },
  ]);
  // Told once, and not with each pass.
  await pass();
  const told = log.error.mock.calls.filter(([fields]) => "subject" in fields);
  expect(told).toEqual([[expect.objectContaining({ kind: "audit" }), expect.stringContaining("set aside")]]);
  expect(await generations.read(good.id)).toMatchObject({ status: "queued" });
});

test("a Redis at its memory limit refuses a step as a whole", async () => {
  const server = await startRedis();
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  for (let i = 0; i < 5; i++) await queue.generations.submit(queue.submission());
  const audit = queue.audit();
  await queue.redis.config("SET", "maxmemory", 1);
  await expect(audit.step()).rejects.toThrow("OOM");
  await queue.redis.config("SET", "maxmemory", 0);
  expect(await queue.redis.exists(`${queue.keys.root}audit`, `${queue.keys.root}audit-sums`)).toBe(0);
});

test("a record that is taken out of reach is finished, though it is on no list any more", async () => {
  const queue = await openAudit({ recordsMs: 1, claimsMs: 1, tombstonesMs: 1 });
  const { redis, keys, pass, submitted, generations, droppedObjects } = queue;
  const { id } = await submitted();
  await run(queue, { ...(await submitted()), id });
  await queue.attempts.succeed(id, lane, 1, delivery, bill);
  await expect.poll(() => redis.zcount(keys.retained, "-inf", Date.now() - 10)).toBe(1);
  const isAway = { dropObjects: () => Promise.reject(new Error("The store is away")) };
  await expect(queue.removal(isAway).tick()).rejects.toThrow("away");
  expect(await generations.read(id)).toBeNull();
  await redis.del(keys.retained);
  await pass();
  await queue.removal().tick();
  expect(droppedObjects).toEqual(["a/0.png"]);
  expect(await redis.exists(keys.forgotten(id), keys.retained)).toBe(0);
});

test("a job that no worker can find is removed when its generation has ended", async () => {
  const { redis, keys, lanes, pass, submitted, generations } = await openAudit();
  const { id } = await submitted();
  await lanes.add(lane, id, 1);
  await redis.del(`${keys.lanes}:${lane}:prioritized`);
  await pass();
  // Its generation is queued: recovery puts the job back.
  expect(await redis.exists(`${keys.lanes}:${lane}:${id}`)).toBe(1);
  await generations.cancel(id, lane);
  await pass();
  expect(await redis.exists(`${keys.lanes}:${lane}:${id}`)).toBe(0);
});

test("a pass begins though its time, and the worker that held the last one, were noted by a clock that was set back", async () => {
  const queue = await openAudit();
  const { redis, keys } = queue;
  const nowMs = await redisTime(redis);
  const step = () => queue.audit({ pauseMs: 60_000 }).step();
  await redis.hset(`${keys.root}audit`, { holder: "another", heldUntil: nowMs + 4_000 });
  expect(await step()).toBeGreaterThan(0);
  await redis.hset(`${keys.root}audit`, { heldUntil: nowMs - 1, dueAt: nowMs + 50_000 });
  expect(await step()).toBeGreaterThan(4_000);
  await redis.hset(`${keys.root}audit`, { heldUntil: nowMs + 86_400_000, dueAt: nowMs + 86_400_000 });
  expect(await step()).toBe(0);
});

test("the memory of a tenant that does not say what its records say is corrected when two passes have found it so", async () => {
  const queue = await openAudit();
  const { redis, keys, pass, submitted } = queue;
  await submitted();
  const ended = await submitted();
  await queue.generations.cancel(ended.id, lane);
  const right = await redis.hgetall(keys.tenantMemory);
  for (const wrong of [9_000_000, 1]) {
    await redis.hset(keys.tenantMemory, { acme: wrong, gone: 77 });
    await pass();
    expect(await redis.hgetall(keys.tenantMemory)).toEqual({ acme: String(wrong), gone: "77" });
    await pass();
    expect(await redis.hgetall(keys.tenantMemory)).toEqual(right);
  }
});

test("the memory of a tenant stays exact while records come, are packed and go during the passes", async () => {
  const queue = await openAudit();
  const { redis, keys, submitted, log } = queue;
  const audit = queue.audit({ names: 3 });
  const all: string[] = [];
  for (let i = 0; i < 60; i++) {
    const { id } = await submitted({ request: { prompt: "x".repeat(i * 50) } });
    all.push(id);
    if (i % 3 > 0) await queue.generations.cancel(id, lane);
    if (i % 3 === 2) await createPackRecord(redis, keys)(id);
    if (i % 6 === 5) await redis.zadd(keys.retained, 1, id);
    await audit.step();
    if (i % 10 === 9) await queue.recovery({ leftAloneMs: 3_600_000 }).tick();
  }
  const bytes = await Promise.all(all.map((id) => redis.hget(keys.record(id), "bytes")));
  const held = bytes.reduce((sum, one) => sum + Number(one), 0);
  expect(await redis.hgetall(keys.tenantMemory)).toEqual({ acme: String(held) });
  expect(log.error).not.toHaveBeenCalled();
});

test("a pass reads each running generation once and marks it once, and reads nothing for its job", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  const generations = 200;
  for (let i = 0; i < generations; i++) {
    const given = queue.submission({ admission: priced, tenant: `tenant-${i % 4}` });
    await queue.submit(given);
    await queue.attempts.start(given.id, lane);
  }
  const audit = queue.audit();
  await queue.redis.config("RESETSTAT");
  await audit.step();
  const stats = await queue.redis.info("commandstats");
  const calls = [...stats.matchAll(/^cmdstat_\S+:calls=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  expect(calls).toBeGreaterThan(2 * generations);
  // The rest is for the step, and for the sums of an account and of a lane.
  expect(calls).toBeLessThan(2 * generations + 50);
});
