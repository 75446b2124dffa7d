import type { Outcome } from "@darkroom/generations";
import { createMetrics } from "@darkroom/runtime";
import { expect, test } from "vitest";
import { anAttempt, aRecord } from "./attempt.fixture.ts";
import { createMeasureAttempts } from "./measure-attempts.ts";

const error = { code: "overloaded", message: "Busy." } as const;
const failed: Outcome = { kind: "failed", error };
const limited: Outcome = { kind: "retry", error, rateLimited: "wholly" };

/** Measures attempts, and answers the waits and the times of service that were noted. */
async function measure(attempts: readonly { outcome: Outcome; record?: Partial<ReturnType<typeof aRecord>> }[]) {
  const metrics = createMetrics({ ofProcess: false });
  const served: [lane: string, ms: number][] = [];
  const measured = createMeasureAttempts({ metrics, serviceTimes: { observe: (...one) => void served.push(one) } });
  for (const { outcome, record } of attempts) {
    await measured("l", async () => outcome)(anAttempt({ record: { ...aRecord({}), ...record } }));
  }
  const [, sum] = /^darkroom_queue_wait_seconds_sum\{lane="l"\} (.*)$/m.exec(await metrics.render()) ?? [];
  return { served, waitedSeconds: sum === undefined ? null : Number(sum) };
}

test("the first attempt of a generation tells how long that was in line, and how long it holds a slot", async () => {
  const { served, waitedSeconds } = await measure([
    { outcome: failed, record: { queuedAtMs: 10_000, startedAtMs: 12_500 } },
  ]);
  expect(waitedSeconds).toBe(2.5);
  expect(served).toEqual([["l", expect.toSatisfy((ms: number) => ms >= 0)]]);
});

test("a retry by the owner is a new wait, and another attempt after a failure or a crash is none", async () => {
  const times = { queuedAtMs: 10_000, startedAtMs: 12_500 };
  expect((await measure([{ outcome: failed, record: { ...times, attempts: 4, handbacks: 3 } }])).waitedSeconds).toBe(
    2.5,
  );
  const later = [
    { outcome: failed, record: { ...times, attempts: 2, failures: 1 } },
    { outcome: failed, record: { ...times, attempts: 2 } },
  ];
  const { served, waitedSeconds } = await measure(later);
  expect(waitedSeconds).toBeNull();
  expect(served).toHaveLength(2);
});

test("an attempt that the rate limit refuses tells nothing", async () => {
  expect(await measure([{ outcome: limited }])).toEqual({ served: [], waitedSeconds: null });
});
