import { startRedis, startTcpProxy } from "@darkroom/testing";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { createWriteProbe, type ProbeNames } from "./probe-writes.ts";
import { connectWorker, untilConnected } from "./redis-connections.ts";

const names: ProbeNames = { keys: ["darkroom:probe", "darkroom:lane:probe"], channel: "darkroom:replies:probe" };

/** A Redis, a probe of it over a line that can be broken, and what the probe told of refusals. */
async function openProbe(args: readonly string[] = []) {
  const server = await startRedis({ persist: false, args });
  onTestFinished(server.stop);
  const line = await startTcpProxy(server.url);
  onTestFinished(() => line.close());
  const admin = new Redis(server.url);
  const redis = connectWorker(line.url, () => {});
  onTestFinished(() => {
    admin.disconnect();
    redis.disconnect();
  });
  await untilConnected(redis, 5_000);
  const told: string[] = [];
  const onRefusal = (_error: unknown, sentence: string) => void told.push(sentence);
  const probe = (everyMs = 0) => createWriteProbe({ redis, names, onRefusal, everyMs, withinMs: 200 });
  return { admin, line, probe, told };
}

test("a Redis that takes writes has no fault, and keeps nothing of the look", async () => {
  const { admin, probe, told } = await openProbe();
  expect(await probe()()).toBeNull();
  expect(await admin.keys("*")).toEqual([]);
  expect(told).toEqual([]);
});

test("many questions are one look", async () => {
  const { admin, probe, told } = await openProbe();
  const findFault = probe(60_000);
  await admin.config("SET", "maxmemory", 1);
  const faults = await Promise.all([findFault(), findFault(), findFault()]);
  await admin.config("SET", "maxmemory", 0);
  expect(new Set([...faults, await findFault()]).size).toBe(1);
  expect(told).toHaveLength(1);
});

describe("the fault is a sentence, told to the log, and gone when it is over, for a Redis that", () => {
  test.each([
    ["is full", ["maxmemory", "1"], ["maxmemory", "0"], "Redis has no memory left and takes no writes. Raise"],
    ["lacks replicas", ["min-replicas-to-write", "1"], ["min-replicas-to-write", "0"], "Redis has fewer replicas than"],
  ] as const)("%s", async (_what, begin, end, sentence) => {
    const { admin, probe, told } = await openProbe();
    const findFault = probe();
    await admin.config("SET", ...begin);
    expect(await findFault()).toContain(sentence);
    expect(told).toEqual([expect.stringContaining(sentence)]);
    await admin.config("SET", ...end);
    expect(await findFault()).toBeNull();
  });

  test("has become a replica", async () => {
    const { admin, probe } = await openProbe();
    await admin.replicaof("127.0.0.1", "1");
    expect(await probe()()).toBe("Redis is a read-only replica. Name its primary in REDIS_URL.");
  });

  test("takes a right away", async () => {
    const { admin, probe } = await openProbe();
    await admin.call("ACL", "SETUSER", "default", "-xadd");
    expect(await probe()()).toContain("Redis does not give its user the rights that Darkroom needs");
  });

  test("runs in Cluster mode", async () => {
    const { admin, probe } = await openProbe(["--cluster-enabled", "yes", "--cluster-port", "0"]);
    await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await expect.poll(() => probe()()).toContain("Redis runs in Cluster mode");
  });

  test("answers nothing, or is away", async () => {
    const { line, probe } = await openProbe();
    const findFault = probe();
    line.blackhole();
    expect(await findFault()).toBe("Redis does not answer.");
    line.cut();
    await expect.poll(findFault).toBe("Redis does not answer.");
    line.restore();
    await expect.poll(findFault).toBeNull();
  });
});
