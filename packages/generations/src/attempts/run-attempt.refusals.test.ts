import { setTimeout as pause } from "node:timers/promises";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";

/** Brings a Redis into a state in which it refuses to write. Answers how it gets out of it. */
type Refuse = (redis: Redis, other: Redis) => Promise<() => Promise<unknown>>;

const atItsMemoryLimit: Refuse = async (redis) => {
  await redis.config("SET", "maxmemory", 1);
  return () => redis.config("SET", "maxmemory", 0);
};

const behindASlowScript: Refuse = async (redis, other) => {
  await redis.config("SET", "busy-reply-threshold", 1);
  const killed = other.eval("while true do end", 0).catch(() => {});
  const isBusy = async () =>
    redis.ping().then(
      () => false,
      (error: unknown) => String(error).includes("BUSY"),
    );
  while (!(await isBusy())) await pause(1);
  return async () => {
    await redis.script("KILL");
    await killed;
  };
};

const aReplica: Refuse = async (redis) => {
  // Nothing listens there: it goes on with what it holds, and takes no writes.
  await redis.replicaof("127.0.0.1", "1");
  return () => redis.replicaof("NO", "ONE");
};

async function openPrivateQueue() {
  const server = await startRedis();
  onTestFinished(server.stop);
  const connect = () => {
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  return { queue: await openQueue({ url: server.url }), redis: connect(), other: connect() };
}

test.each([
  ["at its memory limit", atItsMemoryLimit, "OOM"],
  ["behind a slow script", behindASlowScript, "BUSY"],
  ["a replica", aReplica, "READONLY"],
] as const)(
  "an attempt that Redis refuses to begin, being %s, is begun later and counted once",
  async (_, refuse, code) => {
    const { queue, redis, other } = await openPrivateQueue();
    const refusals: string[] = [];
    queue.worker(async () => ({ kind: "succeeded", delivery }), {
      attempts: {
        ...queue.attempts,
        async start(...args) {
          if (refusals.length === 2) return queue.attempts.start(...args);
          const accept = await refuse(redis, other);
          try {
            return await queue.attempts.start(...args);
          } catch (error) {
            refusals.push(String(error));
            throw error;
          } finally {
            await accept();
          }
        },
      },
    });
    const given = queue.submission();
    await queue.submit(given);
    await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded", attempts: 1 });
    expect(refusals).toEqual([expect.stringContaining(code), expect.stringContaining(code)]);
    await queue.expectNothingButRecords();
  },
);
