import { setTimeout as sleep } from "node:timers/promises";
import { usedHeapBytes } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { heartbeat, heartbeatEveryMs } from "./event-stream.ts";
import { createHeartbeats } from "./sse-heartbeat.ts";

test("heartbeats come for as long as nothing else does", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const beats = createHeartbeats(5).begin().until(promise);
  for (let beat = 0; beat < 3; beat++) expect(await beats.next()).toEqual({ done: false, value: heartbeat });
  resolve("an event");
  expect(await beats.next()).toEqual({ done: true, value: "an event" });
});

test("heartbeats come though no single wait is long enough for one", async () => {
  const keepAlive = createHeartbeats(50).begin();
  let beats = 0;
  // Each wait ends before a heartbeat that began with it would be due.
  for (let wait = 0; wait < 20; wait++) {
    for await (const _ of keepAlive.until(sleep(20))) beats++;
  }
  expect(beats).toBeGreaterThanOrEqual(4);
});

test("a failure is thrown as it stands", async () => {
  const failure = new Error("the store is away");
  await expect(createHeartbeats().begin().until(Promise.reject(failure)).next()).rejects.toBe(failure);
});

test("what comes while a heartbeat is written is not waited for", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const beats = createHeartbeats(5).begin().until(promise);
  await beats.next();
  resolve("an event");
  await promise;
  expect(await beats.next()).toEqual({ done: true, value: "an event" });
});

test("an answer takes no more memory for each heartbeat", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { promise, resolve } = Promise.withResolvers<void>();
  const beats = createHeartbeats().begin().until(promise);
  const beat = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const next = beats.next();
      vi.advanceTimersByTime(heartbeatEveryMs);
      await next;
    }
  };
  await beat(1_000);
  const before = await usedHeapBytes();
  // Seventeen hours.
  await beat(20_000);
  expect(((await usedHeapBytes()) - before) / 20_000).toBeLessThan(50);
  resolve();
  expect(await beats.next()).toEqual({ done: true, value: undefined });
});
