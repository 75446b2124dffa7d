import { startRedis, startStopwatch } from "@darkroom/testing";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";

const done = { kind: "succeeded", delivery } as const;

/** For how long a worker is watched: BullMQ by itself asked some 3,000 times a second. */
const watchMs = 1_500;

/** How a Redis comes to refuse all writes, and how that ends. */
const refusals: Record<string, Record<"begin" | "end", (redis: Redis) => Promise<unknown>>> = {
  OOM: {
    begin: (redis) => redis.config("SET", "maxmemory", 1),
    end: (redis) => redis.config("SET", "maxmemory", 0),
  },
  READONLY: {
    // Nothing listens there: it goes on with what it holds.
    begin: (redis) => redis.replicaof("127.0.0.1", "1"),
    end: (redis) => redis.replicaof("NO", "ONE"),
  },
  NOREPLICAS: {
    begin: (redis) => redis.config("SET", "min-replicas-to-write", 1),
    end: (redis) => redis.config("SET", "min-replicas-to-write", 0),
  },
  NOPERM: {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "resetkeys", "~elsewhere:*"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "allkeys"),
  },
};

async function openRefusing(code: string) {
  const refusal = refusals[code];
  if (refusal === undefined) throw new Error(`Unknown code ${code}`);
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  const told: string[] = [];
  const note = ({ err }: { err?: unknown }) => void (err instanceof Error && told.push(err.message));
  const log = { debug() {}, info() {}, warn: note, error: note };
  const queue = await openQueue({ url: server.url, log });
  /** How many scripts and commands of any kind Redis has been sent. */
  const asked = async () => Number(/total_commands_processed:(\d+)/.exec(await admin.info("stats"))?.[1]);
  return { queue, told, asked, begin: () => refusal.begin(admin), end: () => refusal.end(admin) };
}

test.each(Object.keys(refusals))(
  "a worker that begins while Redis answers %s asks it less and less often, and works when that is over",
  async (code) => {
    const { queue, told, asked, begin, end } = await openRefusing(code);
    const submission = queue.submission();
    await queue.submit(submission);
    await begin();
    const before = await asked();
    const worker = queue.worker(async () => done);
    const since = performance.now();
    await expect.poll(() => performance.now() - since, { interval: 100 }).toBeGreaterThan(watchMs);
    expect((await asked()) - before).toBeLessThan(60);
    expect(worker.refusal()?.message).toContain(code);
    expect(told.length).toBeLessThan(10);
    expect(told).toContainEqual(expect.stringContaining(code));
    await end();
    await expect.poll(() => queue.generations.read(submission.id)).toMatchObject({ status: "succeeded", attempts: 1 });
    await expect.poll(() => worker.refusal()).toBeNull();
  },
);

test("a worker that is idle when Redis begins to refuse asks it less and less often", async () => {
  const { queue, told, asked, begin, end } = await openRefusing("READONLY");
  const worker = queue.worker(async () => done);
  await worker.ready();
  await begin();
  await expect.poll(() => worker.refusal()?.message).toContain("READONLY");
  const before = await asked();
  const since = performance.now();
  await expect.poll(() => performance.now() - since, { interval: 100 }).toBeGreaterThan(watchMs);
  expect((await asked()) - before).toBeLessThan(60);
  expect(told.length).toBeLessThan(10);
  await end();
  // It waits for a job by then, for ten seconds: that it is let wait is enough.
  await expect.poll(() => worker.refusal()).toBeNull();
  const submission = queue.submission();
  await queue.submit(submission);
  await expect.poll(() => queue.generations.read(submission.id)).toMatchObject({ status: "succeeded" });
});

test("a worker stops at once while it waits to ask again", async () => {
  const { queue, begin } = await openRefusing("OOM");
  await begin();
  const worker = queue.worker(async () => done);
  await expect.poll(() => worker.refusal()?.message).toContain("OOM");
  const sinceMs = startStopwatch();
  await worker.close(10_000);
  expect(sinceMs()).toBeLessThan(1_000);
});
