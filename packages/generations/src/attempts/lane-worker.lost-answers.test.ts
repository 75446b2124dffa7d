import { expect, test } from "vitest";
import { delivery, openQueue, type TestQueue, openLossyConnection } from "../queue.fixture.ts";
import { createAttemptStore } from "../records/attempt-store.ts";
import type { Work } from "./outcome.ts";
import type { AttemptEnding } from "./run-attempt.ts";

const failure = { code: "upstream_error", message: "It broke." } as const;
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };

/** Notes what it bought, fails once, and then succeeds: every script that a worker writes a generation with. */
const work: Work = async ({ record, checkpoint }) => {
  if (record.failures === 0) return { kind: "retry", error: failure };
  await checkpoint(delivery, []);
  return { kind: "succeeded", delivery };
};

async function succeeded(queue: TestQueue) {
  const given = queue.submission();
  await queue.submit(given);
  await expect
    .poll(() => queue.generations.read(given.id))
    .toMatchObject({ status: "succeeded", attempts: 2, failures: 1 });
}

test.each([
  // A text that only this script is given.
  ["start", ":starts:"],
  ["postpone", "failures"],
  ["checkpoint", "a/0.png"],
  ["end", "succeeded"],
])("the answer to a worker's `%s` is lost: nothing is done twice, nothing waits for recovery", async (_, text) => {
  const queue = await openQueue();
  const { redis, loseAnswer } = await openLossyConnection();
  const endings: AttemptEnding[] = [];
  const worker = queue.worker(work, {
    redis,
    attempts: createAttemptStore({ redis, keys: queue.keys, retention }),
    onEnding: (_record, ending) => void endings.push(ending),
  });
  // Redis knows the scripts from here on: what is lost is the answer to one, not the word that it is unknown.
  await succeeded(queue);
  const lost = loseAnswer(text);
  await succeeded(queue);
  await lost;
  await worker.close(1_000);
  expect(endings).toHaveLength(2);
  await queue.expectNothingButRecords();
});
