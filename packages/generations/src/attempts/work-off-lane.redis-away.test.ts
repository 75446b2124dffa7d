import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";

/** Longer than a test may take: a test that waits for it has failed. */
const deadlineMs = 60_000;
const done = { kind: "succeeded", delivery } as const;

async function openPrivateQueue() {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return { redis, queue: await openQueue({ url: redis.url }) };
}

test("a worker with nothing in hand stops though Redis is away", async () => {
  const { redis, queue } = await openPrivateQueue();
  const worker = queue.worker(async () => done);
  await worker.ready();
  await redis.kill();
  await expect(worker.close(deadlineMs)).resolves.toBeUndefined();
});

test("a worker that stops keeps what it has bought until Redis is back", async () => {
  const { redis, queue } = await openPrivateQueue();
  const begun = Promise.withResolvers<void>();
  const bought = Promise.withResolvers<typeof done>();
  const worker = queue.worker(() => {
    begun.resolve();
    return bought.promise;
  });
  const submission = queue.submission();
  await queue.submit(submission);
  await begun.promise;
  await redis.kill();
  const closed = worker.close(deadlineMs);
  bought.resolve(done);
  await redis.restart();
  await closed;
  await expect
    .poll(() => queue.generations.read(submission.id).catch(() => null))
    .toMatchObject({ status: "succeeded", attempts: 1 });
});
