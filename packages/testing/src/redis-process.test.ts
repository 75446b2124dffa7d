import { existsSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startRedis } from "./redis-process.ts";

async function connectTo(url: string): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  onTestFinished(() => redis.disconnect());
  redis.on("error", () => {});
  await redis.connect();
  return redis;
}

test("what was written survives a kill and a restart on the same port", async () => {
  const server = await startRedis();
  onTestFinished(server.stop);
  const before = await connectTo(server.url);
  await before.set("key", "value");

  await server.kill();
  await expect(connectTo(server.url)).rejects.toThrow("closed");

  await server.restart();
  const after = await connectTo(server.url);
  expect(await after.get("key")).toBe("value");
  expect(await after.config("GET", "maxmemory-policy")).toContain("noeviction");
});

test("stop ends the process and removes its folder", async () => {
  const server = await startRedis({ maxmemory: "64mb", args: ["--hz", "50"] });
  onTestFinished(server.stop);
  const redis = await connectTo(server.url);
  const setting = async (name: string) => (await redis.config("GET", name))[1] ?? "";
  expect([await setting("maxmemory"), await setting("hz")]).toEqual([String(64 * 1024 * 1024), "50"]);
  const folder = await setting("dir");
  expect(existsSync(folder)).toBe(true);

  await server.stop();
  expect(existsSync(folder)).toBe(false);
  await expect(connectTo(server.url)).rejects.toThrow("closed");
});

test("a server that cannot start says why", async () => {
  await expect(startRedis({ args: ["--no-such-option", "1"] })).rejects.toThrow(/ended with 1:[^]*no-such-option/);
});
