import { createServer } from "node:net";
import { freePort, listeningPort, startClusterNode, startRedis, unfitRedis, startStopwatch } from "@darkroom/testing";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkRedis, type CheckRedisOptions } from "./check-redis.ts";
import type { ProbeNames } from "./probe-writes.ts";

const names: ProbeNames = { keys: ["darkroom:probe", "darkroom:lane:probe"], channel: "darkroom:replies:probe" };

/** What is said of a Redis that is refused, or null, and how long that takes. */
async function check(url: string, more: Partial<CheckRedisOptions> = {}) {
  const warnings: string[] = [];
  const log = { warn: (_fields: object, sentence: string) => void warnings.push(sentence) };
  const sinceMs = startStopwatch();
  const refusal = await checkRedis(url, { names, requireNoEviction: true, log, ...more }).then(
    () => null,
    (error: Error) => error.message,
  );
  return { refusal, warnings, tookMs: sinceMs() };
}

async function openRedis(...options: Parameters<typeof startRedis>) {
  const server = await startRedis({ persist: false, ...options[0] });
  onTestFinished(server.stop);
  const admin = new Redis(server.url).on("error", () => {});
  onTestFinished(() => admin.disconnect());
  return { server, admin };
}

describe("a Redis is refused within seconds, in a sentence that is true, for", () => {
  test.for(Object.entries(unfitRedis))("%s", async ([, { start, says }]) => {
    const { url, stop } = await start();
    onTestFinished(stop);
    const { refusal, tookMs } = await check(url);
    const { hostname, port } = new URL(url);
    const begin = `Redis at ${hostname}:${port} `;
    expect(refusal?.slice(0, begin.length)).toBe(begin);
    expect(refusal?.slice(begin.length)).toMatch(says);
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe("a Redis is waited for, and then refused, where", () => {
  test("nothing listens", async () => {
    const { refusal } = await check(`redis://127.0.0.1:${await freePort()}`, { withinMs: 500 });
    expect(refusal).toMatch(/ refuses the connection: nothing listens there\. Start it, or correct host and port/);
  });

  test.each([
    ["nothing is answered", false, / does not answer within 0\.5 s\. Check host, port and scheme in REDIS_URL/],
    ["every connection is closed", true, / hangs up before it has answered\. Check host, port and scheme/],
  ])("%s", async (_what, closes, sentence) => {
    const server = createServer((socket) => void (closes ? socket.destroy() : socket.resume()));
    const port = await listeningPort(server.listen(0, "127.0.0.1"));
    onTestFinished(() => void server.close());
    const { refusal } = await check(`redis://127.0.0.1:${port}`, { withinMs: 500 });
    expect(refusal).toMatch(sentence);
  });
});

describe("a Redis is taken", () => {
  test("that comes up while it is waited for", async () => {
    const { server } = await openRedis();
    await server.kill();
    const checked = check(server.url);
    await server.restart();
    expect((await checked).refusal).toBeNull();
  });

  test("with the rights that are asked for, and nothing of the look is left in it", async () => {
    const { server, admin } = await openRedis();
    const rights = ["~darkroom:*", "&darkroom:*", "+@all", "-@admin", "-@dangerous", "+info"];
    await admin.call("ACL", "SETUSER", "app", "on", ">secret", ...rights);
    const { refusal, warnings } = await check(server.url.replace("//", "//app:secret@"));
    expect([refusal, warnings]).toEqual([null, []]);
    expect(await admin.dbsize()).toBe(0);
  });

  test("in Cluster mode, where the prefix is in braces: a slot that no node serves may be served soon", async () => {
    const namesOf = (prefix: string): ProbeNames => ({
      keys: [`${prefix}:probe`, `${prefix}:lane:probe`],
      channel: `${prefix}:replies:probe`,
    });
    const node = await startClusterNode("{darkroom}");
    onTestFinished(node.stop);
    expect((await check(node.url, { names: namesOf("{darkroom}") })).refusal).toBeNull();
    expect((await check(node.url, { names: namesOf("{elsewhere}") })).refusal).toBeNull();
    expect((await check(node.url, { names: namesOf("darkroom") })).refusal).toContain("runs in Cluster mode");
  });

  test.each([
    ["is full", ["maxmemory", "1"]],
    ["lacks replicas", ["min-replicas-to-write", "1"]],
  ] as const)("though it %s: that passes, and workers help", async (_what, setting) => {
    const { server, admin } = await openRedis();
    await admin.config("SET", ...setting);
    expect((await check(server.url)).refusal).toBeNull();
  });

  test("though it may evict, with a warning, where that is allowed", async () => {
    const { server } = await openRedis({ args: ["--maxmemory-policy", "allkeys-lru"] });
    const { refusal, warnings } = await check(server.url, { requireNoEviction: false });
    expect(refusal).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('must be "noeviction"')]);
  });
});
