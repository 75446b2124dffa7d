import { startFailoverGroup } from "@darkroom/testing";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { connectReplicaWait, untilConnected } from "./redis-connections.ts";
import { createReplicaWait, NotReplicatedError } from "./replica-wait.ts";

const timeoutMs = 300;

async function open({ replicas = 1 } = {}) {
  const group = await startFailoverGroup();
  onTestFinished(group.stop);
  const redis = connectReplicaWait(group.primary.url, timeoutMs, () => {});
  const writer = new Redis(group.primary.url);
  onTestFinished(() => [redis, writer].forEach((one) => one.disconnect()));
  await untilConnected(redis, 10_000);
  return { group, redis, writer, wait: createReplicaWait({ redis, mark: "mark", replicas, timeoutMs }) };
}

test("a key is confirmed once it is on the replicas, and many share one WAIT", async () => {
  const { redis, writer, wait } = await open({ replicas: 2 });
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
  await Promise.all(keys.map((key) => writer.set(key, "1")));
  await Promise.all(keys.map((key) => wait(key)));
  const calls = Number(/cmdstat_wait:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
  // The first goes by itself, and all that have come meanwhile go together.
  expect(calls).toBe(2);
});

test("too few replicas, or a key that a failover has lost, is told; the others of the same moment are confirmed", async () => {
  const { group, writer, wait } = await open();
  await writer.set("there", "1");
  const [there, lost] = await Promise.allSettled([wait("there"), wait("lost")]);
  expect(there.status).toBe("fulfilled");
  expect(lost).toMatchObject({ status: "rejected", reason: expect.any(NotReplicatedError) });
  for (const replica of group.replicas) await replica.kill();
  await expect(wait("there")).rejects.toThrow("Only 0 of 1 replicas of Redis have confirmed a write within 300 ms");
});

test("a wait whose connection breaks fails, and is not sent to the next primary", async () => {
  const { group, writer, wait } = await open({ replicas: 3 });
  await writer.set("there", "1");
  const [waited] = await Promise.allSettled([wait("there"), group.primary.kill()]);
  expect(waited).toMatchObject({ status: "rejected", reason: expect.any(Error) });
});
