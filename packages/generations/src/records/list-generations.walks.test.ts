import { setTimeout as sleep } from "node:timers/promises";
import { newGenerationId } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { openQueue, type TestQueue } from "../queue.fixture.ts";
import { listGenerations } from "./list-generations.ts";

const generations = 1_500;
/** Every so many-th is one that the walks ask for, so that one answer takes many reads of the index. */
const every = 50;
const walks = 20;
const pageSize = 5;
const betweenSubmissionsMs = 5;
/** A walk takes as many more pages as are submitted meanwhile, so that a slow machine would walk for ever without a bound. */
const mostSubmissions = 400;

/** A tenant with many generations, fifty in about a millisecond. Returns the ids of those asked for and of the others, oldest first. */
async function withMany(queue: TestQueue): Promise<{ asked: string[]; others: string[] }> {
  const asked: string[] = [];
  const others: string[] = [];
  for (let from = 0; from < generations; from += every) {
    const ids = Array.from({ length: every }, (_, i) => newGenerationId(from + i));
    await Promise.all(
      ids.map(async (id, i) => queue.generations.submit(queue.submission({ id, model: i === 0 ? "asked" : "other" }))),
    );
    asked.push(ids[0] ?? "");
    others.push(...ids.slice(1));
  }
  return { asked, others };
}

/** Submits at an even pace, `mostSubmissions` at most, until `signal` is aborted. */
async function keepSubmitting(queue: TestQueue, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < mostSubmissions && !signal.aborted; i++) {
    await Promise.all([queue.generations.submit(queue.submission({ model: "asked" })), sleep(betweenSubmissionsMs)]);
  }
}

/** Ends and drops generations one after the other until `signal` is aborted. */
async function keepDropping(queue: TestQueue, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const removal = queue.removal();
  for (const id of ids) {
    if (signal.aborted) return;
    await queue.generations.cancel(id, "sandbox.interactive");
    // The retention of a millisecond has to be over.
    await sleep(2);
    await removal.tick();
  }
}

/** All ids of a walk from page to page. */
async function walk(queue: TestQueue, direction: "after" | "before", from?: string): Promise<string[]> {
  const seen: string[] = [];
  for (let cursor = from; ;) {
    const page = await listGenerations(queue.redis, queue.keys, {
      tenant: "acme",
      model: "asked",
      limit: pageSize,
      ...(cursor !== undefined && { [direction]: cursor }),
    });
    if (page === null) throw new Error("A walk was told that it cannot go on");
    seen.push(...page.records.map(({ id }) => id));
    if (!page.hasMore || page.cursor === null) return seen;
    cursor = page.cursor;
  }
}

test("no walk repeats or misses one while 200 a second are submitted and others dropped", async () => {
  const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 60_000 } });
  const { asked, others } = await withMany(queue);
  const stop = new AbortController();
  const busy = [keepSubmitting(queue, stop.signal), keepDropping(queue, others, stop.signal)];
  const oldest = asked[0] ?? "";
  for (let i = 0; i < walks; i++) {
    const down = await walk(queue, "after");
    expect(down, "no id twice on the way down").toEqual([...new Set(down)]);
    expect(down, "all that were there from the beginning").toEqual(expect.arrayContaining(asked));
    const up = await walk(queue, "before", oldest);
    expect(up, "no id twice on the way up").toEqual([...new Set(up)]);
    expect(up, "all that were there from the beginning").toEqual(expect.arrayContaining(asked.slice(1)));
  }
  stop.abort();
  await Promise.all(busy);
  expect(await queue.redis.zscore(queue.keys.index("acme"), others[0] ?? ""), "some were dropped").toBeNull();
});
