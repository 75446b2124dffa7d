import { freePort, startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { connectWorker, untilConnected } from "./redis-connections.ts";

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
