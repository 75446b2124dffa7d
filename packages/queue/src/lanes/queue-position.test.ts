import { expect, test } from "vitest";
import { startsSpanMs } from "./lane-rate.ts";
import { openQueue } from "../queue.fixture.ts";
import { queuePosition } from "./queue-position.ts";

async function waiting(count: number) {
  const queue = await openQueue();
  const submissions = Array.from({ length: count }, () => queue.submission());
  for (const submission of submissions) await queue.submit(submission);
  const position = (index: number, nowMs = Date.now()) => {
    const submission = submissions[index] ?? queue.submission();
    return queuePosition(queue.redis, queue.keys, queue.lanes, submission, nowMs);
  };
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
  const begun = queue.submission({ lane: "sandbox.interactive" });
  await queue.store.submit(begun);
  const nowMs = Date.now();
  await queue.attempts.start(begun.id, begun.lane);
  const later = nowMs + startsSpanMs;
  // One start in a minute: the second in line begins in two.
  expect(await position(1, later)).toEqual({ position: 2, estimatedStartAtMs: later + 120_000 });
});

test("whoever is not in line has no position", async () => {
  const { queue, position, submissions } = await waiting(1);
  await queue.lanes.remove("sandbox.interactive", submissions[0]?.id ?? "");
  expect(await position(0)).toBeNull();
});
