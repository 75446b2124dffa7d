import { startTcpProxy, testRedisUrl } from "@darkroom/testing";
import { Redis } from "ioredis";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { connectSubscriber, untilConnected } from "../redis-connections.ts";
import { reconnectSilent } from "./reconnect-silent.ts";

test("a subscriber whose connection the network has dropped without a word connects again, and hears", async () => {
  const proxy = await startTcpProxy(testRedisUrl());
  onTestFinished(proxy.close);
  const subscriber = connectSubscriber(proxy.url, () => {});
  onTestFinished(() => subscriber.disconnect());
  await untilConnected(subscriber, 5_000);
  reconnectSilent(subscriber, { everyMs: 50, withinMs: 100 });
  await subscriber.subscribe("silent-channel");

  proxy.blackhole();
  await once(subscriber, "close");
  const ready = once(subscriber, "ready");
  proxy.restore();
  await ready;

  const publisher = new Redis(testRedisUrl());
  onTestFinished(() => publisher.disconnect());
  const heard = once(subscriber, "message");
  await expect.poll(() => publisher.publish("silent-channel", "hello")).toBeGreaterThan(0);
  expect(await heard).toEqual(["silent-channel", "hello"]);
});

test("a subscriber that Redis answers stays connected", async () => {
  const subscriber = connectSubscriber(testRedisUrl(), () => {});
  onTestFinished(() => subscriber.disconnect());
  await untilConnected(subscriber, 5_000);
  let closed = 0;
  subscriber.on("close", () => closed++);
  await subscriber.subscribe("quiet-channel");
  reconnectSilent(subscriber, { everyMs: 5, withinMs: 5_000 });
  const client = new Redis(testRedisUrl());
  onTestFinished(() => client.disconnect());
  const pings = async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
  const before = await pings();
  await expect.poll(pings).toBeGreaterThan(before + 10);
  expect(closed).toBe(0);
});
