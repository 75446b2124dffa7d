import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { heartbeat } from "./event-stream.ts";
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
