import { childEnvironment, ownerFaults, startTcpProxy, testRedisUrl } from "@darkroom/testing";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue, type TestQueue } from "../queue.fixture.ts";

const program = fileURLToPath(new URL("recovery-process.fixture.ts", import.meta.url));
const leaseMs = 1_000;
/** So many that the owner is in the middle of its round when the first are back. */
const queued = 1_500;
const running = 200;
const audited = 500;

/** A recovery process, and what resolves when it has put the first jobs back, or corrected the first list. */
async function start(url: string, prefix: string, ...task: readonly string[]) {
  const child = spawn(process.execPath, [program, url, prefix, `${leaseMs}`, ...task], { env: childEnvironment() });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  const words = new Map(["started", "owner"].map((word) => [word, Promise.withResolvers<void>()]));
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    for (const [word, { resolve }] of words) if (said.includes(word)) resolve();
  });
  await words.get("started")?.promise;
  return { process: child, isOwner: words.get("owner")?.promise };
}

/** Generations without jobs: most are queued, some run without a worker. */
async function openLost() {
  const queue = await openQueue();
  const lost = Array.from({ length: queued + running }, () => queue.submission());
  await Promise.all(lost.map((given) => queue.generations.submit(given)));
  await Promise.all(lost.slice(0, running).map(({ id, lane }) => queue.attempts.start(id, lane)));
  return { queue, lost };
}

/** Every generation has one job, is drawn once, and leaves nothing behind. */
async function expectAllDrawnOnce(queue: TestQueue, lost: readonly { id: string; lane: string }[]) {
  const { redis, keys, lanes } = queue;
  const ids = lost.map(({ id }) => id);
  const places = async () => new Set(await lanes.findMany("sandbox.interactive", ids));
  await expect.poll(places, { timeout: 20_000 }).toEqual(new Set(["waiting"]));
  const drawn = new Map<string, number>();
  queue.worker(
    async ({ record }) => {
      drawn.set(record.id, (drawn.get(record.id) ?? 0) + 1);
      return { kind: "succeeded", delivery };
    },
    { concurrency: 50, lockDurationMs: 30_000 },
  );
  await expect.poll(() => redis.zcard(keys.retained), { timeout: 30_000 }).toBe(lost.length);
  expect([...drawn.values()].every((times) => times === 1)).toBe(true);
  expect(drawn.size).toBe(lost.length);
  const attempts = await Promise.all(ids.map((id) => redis.hget(keys.record(id), "attempts")));
  expect(attempts).toEqual(lost.map((_, i) => (i < running ? "2" : "1")));
  await queue.expectNothingButRecords();
}

test.each(Object.entries(ownerFaults))(
  "an owner of recovery that is %s in the middle of its round is replaced, and each generation is drawn once",
  { timeout: 120_000 },
  async (_, breakDown) => {
    const { queue, lost } = await openLost();
    const proxy = await startTcpProxy(testRedisUrl());
    onTestFinished(proxy.close);
    const first = await start(proxy.url, queue.prefix);
    await first.isOwner;
    const mend = breakDown(first.process, proxy.blackhole);
    await start(testRedisUrl(), queue.prefix);
    const { redis, keys } = queue;
    // All are looked at, and those that run are noted as missing first.
    await expect.poll(() => redis.zcount(keys.queued, "-inf", Date.now()), { timeout: 20_000 }).toBe(0);
    mend();
    proxy.restore();
    await expectAllDrawnOnce(queue, lost);
  },
);

test.each(Object.entries(ownerFaults))(
  "an owner of the audit that is %s in the middle of a pass is replaced, every list is corrected, and no sum is wrong after that",
  { timeout: 120_000 },
  async (_, breakDown) => {
    const queue = await openQueue();
    const { redis, keys } = queue;
    const given = Array.from({ length: audited }, () => queue.submission());
    await Promise.all(given.map((one) => queue.generations.submit(one)));
    const [{ lane, tenant } = queue.submission()] = given;
    await redis.del(keys.queued, keys.pending(lane));
    const proxy = await startTcpProxy(testRedisUrl());
    onTestFinished(proxy.close);
    const first = await start(proxy.url, queue.prefix, "audit", "50");
    await first.isOwner;
    // Its pass takes ten seconds.
    const mend = breakDown(first.process, proxy.blackhole);
    expect(await redis.zcard(keys.queued)).toBeLessThan(audited);
    await start(testRedisUrl(), queue.prefix, "audit", "5000");
    await expect.poll(() => redis.zcard(keys.queued)).toBe(audited);
    mend();
    proxy.restore();
    // A sum is corrected when two passes have found the same difference.
    await expect.poll(() => redis.hgetall(keys.pending(lane))).toEqual({ [tenant]: `${audited}` });
    expect(await redis.zcard(keys.queued)).toBe(audited);
  },
);
