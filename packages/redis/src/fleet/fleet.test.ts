import { randomBytes } from "node:crypto";
import { monitorRedis, removeKeys, startRedis, testRedisUrl } from "@darkroom/testing";
import type { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { createKeys } from "../key-names.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { createFleet } from "./fleet.ts";
import { joinFleet, type JoinFleetOptions } from "./join-fleet.ts";
import type { ProcessFacts } from "./process-facts.ts";

const log = { info() {}, warn() {} };
const lane = "openai.interactive";
const workerFacts: ProcessFacts = {
  kind: "worker",
  host: "node-7",
  pid: 42,
  version: "0.1.0",
  state: "running",
  active: 3,
  lanes: [{ lane, concurrency: 20, active: 3, paused: false }],
};

let redis: Redis;
beforeAll(async () => {
  redis = connectWorker(testRedisUrl(), () => {});
  await untilConnected(redis, 5_000);
  return () => redis.disconnect();
});

/** A Redis of its own. */
async function openRedis() {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const own = connectWorker(server.url, () => {});
  onTestFinished(() => own.disconnect());
  await untilConnected(own, 5_000);
  return { url: server.url, own };
}

/** An installation of its own, on the Redis of all tests or another. `join` adds a process that beats as often as it is told. */
function openFleet(on = redis) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const keys = createKeys(prefix);
  onTestFinished(() => removeKeys(on, prefix));
  const join = async (name: string, more: Partial<JoinFleetOptions> = {}) => {
    const member = await joinFleet({
      redis: on,
      keys,
      name,
      facts: () => workerFacts,
      onDrain: () => {},
      log,
      everyMs: 60_000,
      ...more,
    });
    onTestFinished(() => member.close());
    return member;
  };
  return { keys, fleet: createFleet({ redis: on, keys }), join };
}

test("a process is shown as it describes itself, and no more when it has ended", async () => {
  const { keys, fleet, join } = openFleet();
  const worker = await join("worker-1");
  await join("api-1", { facts: () => ({ ...workerFacts, kind: "api", lanes: [], active: 7 }) });
  expect(await fleet.list()).toMatchObject([
    { name: "api-1", kind: "api", active: 7, lanes: [] },
    { name: "worker-1", ...workerFacts, isAskedToDrain: false, sinceMs: expect.any(Number) },
  ]);
  await worker.close();
  expect((await fleet.list()).map(({ name }) => name)).toEqual(["api-1"]);
  expect(await redis.exists(keys.process("worker-1"))).toBe(0);
});

test("a heartbeat is one command, and a process that was killed is missed after four of them", async () => {
  const { keys, fleet, join } = openFleet();
  const sent: string[] = [];
  const monitor = await monitorRedis(testRedisUrl(), ({ words, byScript }) => {
    if (!byScript && words.some((word) => word.startsWith(keys.root))) sent.push(words[0] ?? "");
  });
  onTestFinished(monitor.close);
  await join("worker-1", { everyMs: 10_000 });
  await expect.poll(() => sent.length).toBeGreaterThan(0);
  // The first heartbeat of all sends the whole script, where Redis does not know it yet.
  expect(sent.filter((command) => command.toLowerCase() !== "eval")).toEqual(["evalsha"]);
  const ttlMs = await redis.pttl(keys.process("worker-1"));
  expect(ttlMs).toBeGreaterThan(30_000);
  expect(ttlMs).toBeLessThanOrEqual(40_000);
  await redis.del(keys.process("worker-1"));
  expect(await fleet.list()).toEqual([]);
});

test("a heartbeat of a worker that has nothing new to tell takes seven commands of Redis, those in its script included", async () => {
  const { url, own } = await openRedis();
  const { keys, join } = openFleet(own);
  const worker = await join("worker-1");
  const seen: string[] = [];
  const monitor = await monitorRedis(url, ({ words: [name = ""] }) => seen.push(name.toLowerCase()));
  onTestFinished(monitor.close);
  worker.beat();
  await expect.poll(() => seen).toContain("hkeys");
  expect(seen).toEqual(["evalsha", "time", "hmget", "pexpire", "hset", "zadd", "hkeys"]);
  expect(await own.hgetall(keys.laneServices)).toEqual({ [lane]: "20 -" });
});

test("heartbeats go on while Redis is full, and while what is kept of the lanes is damaged", async () => {
  const { own } = await openRedis();
  const { keys, fleet, join } = openFleet(own);
  await fleet.drainLane(lane);
  await own.set(keys.laneServices, "of another type");
  await own.config("SET", "maxmemory", "1");
  const worker = await join("worker-1", { everyMs: 500 });
  expect(worker.isDrained(lane)).toBe(true);
  const [first] = await fleet.list();
  await expect.poll(async () => (await fleet.list())[0]?.seenAtMs).toBeGreaterThan(first?.seenAtMs ?? Infinity);
});

test("a process that is damaged, or of another release, hides no other", async () => {
  const { keys, fleet, join } = openFleet();
  await join("worker-1");
  await redis.zadd(keys.processes, Date.now(), "text", Date.now(), "future");
  await redis.set(keys.process("text"), "no hash");
  await redis.hset(keys.process("future"), { kind: "scheduler", lanes: "{" });
  expect((await fleet.list()).map(({ name }) => name)).toEqual(["worker-1"]);
});

test("the operator asks a process to stop, once, and one that is not there cannot be asked", async () => {
  const { fleet, join } = openFleet();
  let asked = 0;
  const worker = await join("worker-1", { onDrain: () => asked++, everyMs: 1_000 });
  expect(await fleet.drain("worker-2")).toBe("gone");
  expect(await fleet.drain("worker-1")).toBe("ok");
  await expect.poll(() => asked).toBe(1);
  expect(await fleet.list()).toMatchObject([{ name: "worker-1", isAskedToDrain: true }]);
  worker.beat();
  worker.beat();
  await worker.close();
  expect(asked).toBe(1);
});

test("a process that is started again under its name does not stop for what its former run was asked", async () => {
  const { fleet, join } = openFleet();
  await join("worker-1");
  expect(await fleet.drain("worker-1")).toBe("ok");
  let asked = 0;
  // The former run was killed, and has not left.
  await join("worker-1", { onDrain: () => asked++ });
  expect(await fleet.list()).toMatchObject([{ name: "worker-1", isAskedToDrain: false }]);
  expect(asked).toBe(0);
});

test("all processes hear which lanes are drained, and when that is over", async () => {
  const { fleet, join } = openFleet();
  const member = await join("api-1", { everyMs: 10 });
  await fleet.drainLane(lane);
  await fleet.drainLane(lane);
  await expect.poll(() => member.isDrained(lane)).toBe(true);
  expect([...(await fleet.drainedLanes()).keys()]).toEqual([lane]);
  expect(member.isDrained("openai.batch")).toBe(false);
  await fleet.fillLane(lane);
  await expect.poll(() => member.isDrained(lane)).toBe(false);
});

test.each([
  ["ahead of", 600_000],
  ["behind", -600_000],
])(
  "a machine whose clock is ten minutes %s that of Redis is told once, shown, and told again when it is right",
  async (word, offMs) => {
    const { fleet, join } = openFleet();
    const told: string[] = [];
    const note = (_fields: object, sentence: string) => void told.push(sentence);
    const clock = { offMs };
    const worker = await join("worker-1", {
      everyMs: 10,
      now: () => Date.now() + clock.offMs,
      log: { info: note, warn: note },
    });
    const shown = async () => Math.round(((await fleet.list())[0]?.clockAheadMs ?? 0) / 1_000);
    await expect.poll(shown).toBe(offMs / 1_000);
    expect(Math.round(worker.clockAheadMs() / 1_000)).toBe(offMs / 1_000);
    expect(told).toEqual([expect.stringContaining(`The clock of this machine is 600 s ${word} that of Redis.`)]);
    clock.offMs = 0;
    await expect.poll(shown).toBe(0);
    expect(told.slice(1)).toEqual(["The clock of this machine agrees with that of Redis again"]);
  },
);

test("a heartbeat that took long says nothing of the clocks", async () => {
  const { join } = openFleet();
  let reads = 0;
  // Sent, and answered ten minutes later.
  const worker = await join("worker-1", { now: () => Date.now() - 300_000 + (reads++ % 2) * 600_000 });
  expect(worker.clockAheadMs()).toBe(0);
});
