import { startTcpProxy, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { CommandTimeoutError, timeOutCommands } from "./time-out-commands.ts";

async function open(timeoutMs: number) {
  const line = await startTcpProxy(testRedisUrl());
  const redis = connectWorker(line.url, () => {});
  onTestFinished(async () => {
    redis.disconnect();
    await line.close();
  });
  await untilConnected(redis, 5_000);
  timeOutCommands(redis, timeoutMs);
  return { line, redis };
}

/** Keeps the event loop of this process busy. */
function block(ms: number): void {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs;);
}

test("a command that is not answered fails within the time and a step", async () => {
  const { line, redis } = await open(300);
  line.blackhole();
  const startedMs = performance.now();
  const error: unknown = await redis.get("x").catch((thrown: unknown) => thrown);
  const tookMs = performance.now() - startedMs;
  expect(error).toBeInstanceOf(CommandTimeoutError);
  expect(error).toMatchObject({ message: "Redis did not answer a command within 300 ms" });
  expect(tookMs).toBeGreaterThanOrEqual(290);
});

test("a command that Redis has answered does not fail, however long this process did not come to read the answer", async () => {
  const { redis } = await open(300);
  const answers = Array.from({ length: 20 }, async () => redis.ping());
  block(1_500);
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["PONG"]));
});

test("a pipeline and a transaction time out, too", async () => {
  const { line, redis } = await open(200);
  line.blackhole();
  const [[inPipeline] = []] = (await redis.pipeline().get("x").exec()) ?? [];
  expect(inPipeline).toBeInstanceOf(CommandTimeoutError);
  await expect(redis.multi().get("x").exec()).rejects.toThrow("did not answer");
});

test("a timeout says for how long this process itself was busy", async () => {
  const { line, redis } = await open(200);
  line.blackhole();
  const answer = redis.get("x").catch((thrown: unknown) => thrown);
  block(1_000);
  expect(await answer).toMatchObject({ stalledMs: expect.any(Number) });
  expect(Reflect.get(Object(await answer), "stalledMs")).toBeGreaterThan(700);
});

test("commands that are answered leave no timer behind", async () => {
  const { redis } = await open(100);
  const set = vi.spyOn(globalThis, "setInterval");
  const clear = vi.spyOn(globalThis, "clearInterval");
  onTestFinished(() => void vi.restoreAllMocks());
  const answers = Array.from({ length: 10 }, async () => redis.ping());
  // Nothing else has run since: these are the timers of the commands.
  const timers = set.mock.results.map(({ value }): unknown => value);
  expect(timers).toHaveLength(1);
  await Promise.all(answers);
  await expect.poll(() => clear.mock.calls.map(([timer]): unknown => timer)).toEqual(expect.arrayContaining(timers));
});
