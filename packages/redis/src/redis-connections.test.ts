import { freePort, startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { connectSubscriber, connectWorker, untilConnected } from "./redis-connections.ts";

test("a connection whose password is refused tries again less and less often, and is there when it is accepted", async () => {
  const server = await startRedis({ persist: false, password: "secret" });
  onTestFinished(server.stop);
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  let errors = 0;
  const redis = connectWorker(server.url.replace("secret", "guess"), () => void errors++);
  onTestFinished(() => redis.disconnect());
  const since = performance.now();
  await expect.poll(() => performance.now() - since, { interval: 50 }).toBeGreaterThan(2_000);
  // After at most 0.5, 1 and 2 s, and half of that at least; every 50 ms more it would have been eight times.
  expect(errors).toBeGreaterThan(1);
  expect(errors).toBeLessThan(6);
  await admin.config("SET", "requirepass", "guess");
  await expect(untilConnected(redis, 10_000)).resolves.toBeUndefined();
});

test("a connection that does not come about in time is told of in the words for its reason", async () => {
  const redis = connectWorker(`redis://127.0.0.1:${await freePort()}`, () => {});
  onTestFinished(() => redis.disconnect());
  await expect(untilConnected(redis, 200)).rejects.toThrow("refuses the connection: nothing listens there.");
});

test("a subscription is there again after a reconnect, and after a time without the right to its channel", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  const errors: string[] = [];
  const heard: string[] = [];
  const subscriber = connectSubscriber(server.url, ({ message }) => void errors.push(message));
  onTestFinished(() => subscriber.disconnect());
  subscriber.on("message", (_channel, message) => heard.push(message));
  await subscriber.subscribe("news");

  await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
  await expect.poll(() => admin.publish("news", "after a reconnect")).toBe(1);
  // Redis disconnects a client that is subscribed to a channel to which it has lost the right.
  await admin.call("ACL", "SETUSER", "default", "resetchannels");
  await expect.poll(() => errors.filter((message) => message.includes("NOPERM")).length).toBeGreaterThan(1);
  await admin.call("ACL", "SETUSER", "default", "allchannels");
  await expect.poll(() => admin.publish("news", "after a refusal")).toBe(1);
  await expect.poll(() => heard).toEqual(["after a reconnect", "after a refusal"]);
});
