import { describe, expect, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";
import type { Admission } from "./lane-worker.ts";

const done = { kind: "succeeded", delivery } as const;

/** A queue whose worker admits generations by what `admissions` has, the last again and again. */
async function openAdmitting(admissions: Admission[]) {
  const queue = await openQueue();
  const models: string[] = [];
  queue.worker(() => Promise.reject(new Error("The work of the lane")), {
    async admit(record) {
      models.push(record.model);
      const next = admissions.length > 1 ? admissions.shift() : admissions[0];
      if (next === undefined) throw new Error("There is no admission");
      return next;
    },
  });
  const given = queue.submission();
  await queue.submit(given);
  return { queue, given, models };
}

describe("a generation for which nothing has room", () => {
  test("goes back to its lane: it stays queued, and no attempt is counted", async () => {
    let released = 0;
    const release = async () => void released++;
    const { queue, given, models } = await openAdmitting([50, 50, { work: async () => done, release }]);
    await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded" });
    expect(await queue.generations.read(given.id)).toMatchObject({
      attempts: 1,
      failures: 0,
      handbacks: 0,
      rateLimits: 0,
    });
    expect(models).toEqual(["m", "m", "m"]);
    await expect.poll(() => released).toBe(1);
  });

  test("holds no slot", async () => {
    const { queue, given } = await openAdmitting([60_000]);
    await expect
      .poll(() => queue.lanes.jobs({ lane: given.lane, state: "delayed", from: 0, limit: 1 }))
      .toMatchObject({
        ids: [given.id],
      });
    expect(await queue.generations.read(given.id)).toMatchObject({ status: "queued", attempts: 0, startedAtMs: null });
  });
});

test("an attempt that finds no room is not counted, comes back when there is some, and leaves the lane open", async () => {
  const queue = await openQueue();
  const full = { code: "overloaded", message: "Full." } as const;
  let runs = 0;
  queue.worker(async () => {
    runs++;
    return runs === 1 ? { kind: "retry", error: full, rateLimited: "wholly", roomInMs: 50 } : done;
  });
  const given = queue.submission();
  await queue.submit(given);
  await expect
    .poll(() => queue.generations.read(given.id))
    .toMatchObject({ status: "succeeded", rateLimits: 1, failures: 0 });
  expect(await queue.redis.exists(queue.keys.backoff(given.lane))).toBe(0);
});

test("the calls of an attempt stand in the record, each once, and a charge in doubt is kept", async () => {
  const queue = await openQueue();
  queue.worker(async ({ noteCall }) => {
    await noteCall({ deployment: "a", mayHaveCharged: true }, false);
    await noteCall({ deployment: "a", outcome: "limited", durationMs: 12, mayHaveCharged: false }, true);
    await noteCall({ deployment: "b", mayHaveCharged: true }, false);
    await noteCall({ deployment: "b", outcome: "failed", durationMs: 13, mayHaveCharged: true }, true);
    return { kind: "failed", error: { code: "upstream_error", message: "No." }, nothingCharged: true };
  });
  const given = queue.submission();
  await queue.submit(given);
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "failed" });
  expect(await queue.generations.read(given.id)).toMatchObject({
    inDoubt: true,
    calls: [
      { attempt: 1, deployment: "a", outcome: "limited", durationMs: 12, mayHaveCharged: false },
      { attempt: 1, deployment: "b", outcome: "failed", durationMs: 13, mayHaveCharged: true },
    ],
  });
});

test("a call that its worker did not live to end stands as one that may have been charged; the latest twenty are kept", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.submit(given);
  await queue.attempts.start(given.id, given.lane);
  for (let at = 0; at < 25; at++) {
    await queue.attempts.noteCall(given.id, 1, { deployment: `d${at}`, mayHaveCharged: true }, false);
  }
  const calls = (await queue.generations.read(given.id))?.calls ?? [];
  expect(calls).toHaveLength(20);
  expect(calls.at(-1)).toEqual({
    attempt: 1,
    deployment: "d24",
    mayHaveCharged: true,
    startedAtMs: expect.any(Number),
  });
  expect(await queue.attempts.noteCall(given.id, 2, { deployment: "late", mayHaveCharged: true }, false)).toBe(
    "fenced",
  );
});

test("a note that is written again because its answer was lost stands once", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.submit(given);
  await queue.attempts.start(given.id, given.lane);
  const begun = { deployment: "a", mayHaveCharged: true };
  const ended = { deployment: "a", outcome: "ok", durationMs: 5, mayHaveCharged: true };
  for (const [call, isEnd] of [
    [begun, false],
    [begun, false],
    [ended, true],
    [ended, true],
  ] as const) {
    expect(await queue.attempts.noteCall(given.id, 1, call, isEnd)).toBe("ok");
  }
  expect((await queue.generations.read(given.id))?.calls).toMatchObject([ended]);
});

test("a damaged call is left out of those that are shown, and keeps no attempt from beginning", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.submit(given);
  const whole = JSON.stringify({ attempt: 1, deployment: "a", outcome: "ok", durationMs: 5, mayHaveCharged: true });
  await queue.redis.hset(queue.keys.record(given.id), {
    calls: `1 {"attempt":\nno line\nthen ${whole}\n7 ${whole}\n8 {"attempt":1}`,
  });
  queue.worker(async ({ record }) => {
    expect(record.calls).toMatchObject([{ deployment: "a", startedAtMs: 7 }]);
    return done;
  });
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded" });
});
