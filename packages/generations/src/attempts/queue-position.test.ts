import { redisTime } from "@darkroom/redis";
import { expect, onTestFinished, test, vi } from "vitest";
import { startsSpanMs, queuePosition } from "@darkroom/queue";
import { openQueue } from "../queue.fixture.ts";

async function waiting(count: number) {
  const queue = await openQueue();
  const submissions = Array.from({ length: count }, () => queue.submission());
  for (const submission of submissions) await queue.submit(submission);
  const position = (index: number) => queuePosition(queue, submissions[index] ?? queue.submission());
  return { queue, submissions, position };
}

test("the first in line is at position 1, and a lane that has begun nothing has no estimate", async () => {
  const { position } = await waiting(3);
  expect(await position(0)).toEqual({ position: 1, estimatedStartAtMs: null });
  expect(await position(2)).toMatchObject({ position: 3 });
});

test("another tenant's first is ahead of one's third", async () => {
  const { queue, position } = await waiting(3);
  await queue.submit(queue.submission({ tenant: "other" }));
  expect(await position(2)).toMatchObject({ position: 4 });
});

test("the estimate follows from the starts of the last whole minute", async () => {
  const { queue, position } = await waiting(3);
  const { redis, keys } = queue;
  // Two minutes of spans around now: whichever of them the last minute is made of, it saw twelve starts.
  const span = Math.floor((await redisTime(redis)) / startsSpanMs);
  for (let i = -7; i < 3; i++) await redis.set(`${keys.starts("sandbox.interactive")}${span + i}`, 2, "PX", 60_000);
  const nowMs = await redisTime(redis);
  const second = await position(1);
  expect(second).toMatchObject({ position: 2 });
  // Twelve starts in a minute: the second in line begins in ten seconds.
  expect((second?.estimatedStartAtMs ?? 0) - nowMs - 10_000).toBeCloseTo(0, -3);
});

test("starts are counted, and read, by the clock of Redis", async () => {
  const { queue, submissions } = await waiting(1);
  const { redis, keys, attempts } = queue;
  const span = () => redisTime(redis).then((timeMs) => Math.floor(timeMs / startsSpanMs));
  const [submission = queue.submission()] = submissions;
  // The clock of this process is an hour ahead.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
  onTestFinished(() => void vi.useRealTimers());
  const before = await span();
  await attempts.start(submission.id, submission.lane);
  const names = [before, await span()].map((at) => `${keys.starts(submission.lane)}${at}`);
  expect(await redis.exists(...new Set(names))).toBe(1);
});

test("a generation that is not queued has no position", async () => {
  const { queue, position, submissions } = await waiting(1);
  await queue.lanes.remove("sandbox.interactive", submissions[0]?.id ?? "");
  expect(await position(0)).toBeNull();
});
