import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { type Job, Worker } from "bullmq";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { bill, delivery, openQueue, type TestQueue } from "../queue.fixture.ts";

// A lane that is never empty, from its first rank to some millions, with the scripts of BullMQ and ours. Jobs wait, are held, come back, and
// are added late, while the base of their priorities is raised.

const lane = "sandbox.interactive";
const tenants = ["acme", "beta", "gamma"] as const;

/** BullMQ's largest priority. */
const largest = 2_097_151;
/** Jobs that a start moves, as in lane-priority.lua. */
const movedAtOnce = 20;
/** A tenant skips no more ranks while it is so far ahead of the lane, and no job is held for longer: within that, all late jobs are found. */
const furthestAhead = 100_000;
const longestHeld = 250_000;

const step = fc.record({
  action: fc.constantFrom(
    ...(["submit many", "submit many", "submit late", "add late", "cancel"] as const),
    ...(["skip", "skip", "take", "take many", "take many", "take many", "come back", "come back in line"] as const),
  ),
  tenant: fc.constantFrom(...tenants),
  which: fc.nat(1_000),
  /** As if the tenant had submitted so many, and canceled them. */
  skipped: fc.integer({ min: 50_000, max: 200_000 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const seen = { ranks: 0, raises: 0, moved: 0, stepsBetween: 0 };

test("the line is in the order of the ranks after every step, over millions of ranks", async () => {
  const stories = fc.array(step, { minLength: 50, maxLength: 120, size: "max" });
  /** Where the lane has come to already: a story in which it goes all the way would take a million jobs. */
  const from = fc.integer({ min: 900_000, max: 1_050_000 });
  const told = fc.asyncProperty(from, stories, async (rank, steps) => tell(await openQueue(), rank, steps));
  await expect(fc.assert(told, { numRuns: 10, endOnFailure: true })).resolves.toBeUndefined();
  // Stories in which no base was raised would show nothing.
  expect(seen.ranks).toBeGreaterThan(2_000_000);
  expect(seen.raises).toBeGreaterThan(4);
  expect(seen.moved).toBeGreaterThan(50);
  expect(seen.stepsBetween).toBeGreaterThan(4);
});

type Held = { id: string; rank: number; job: Job; attempt: number };
type Waiting = { id: string; rank: number; priority: number; stored: number };

const stateSchema = z
  .object({ "": z.coerce.number(), ":base": z.coerce.number().default(0), ":former": z.coerce.number().optional() })
  .transform(({ "": reached, ":base": base, ":former": former }) => ({
    reached,
    base,
    isMoving: former !== undefined,
  }));

async function tell(queue: TestQueue, from: number, steps: readonly Step[]): Promise<void> {
  const { redis, keys, generations, attempts, lanes } = queue;
  const connection = connectWorker(testRedisUrl(), () => {});
  const worker = new Worker(lane, null, { connection, prefix: keys.lanes, autorun: false });
  onTestFinished(async () => {
    await worker.close();
    connection.disconnect();
  });

  let held: Held[] = [];
  let late: { id: string; rank: number; priority: number }[] = [];
  /** Came to the line with a priority from before, and may be in a wrong place until the next starts have moved them. */
  const displaced = new Set<string>();
  let starts = 0;
  let settledAfter = 0;
  let before: Waiting[] = [];
  let baseBefore = 0;
  let wasMoving = false;

  const ranks = new Map<string, number>();
  const rankOf = async (id: string): Promise<number> => {
    const rank = ranks.get(id) ?? Number(await redis.hget(keys.record(id), "rank"));
    ranks.set(id, rank);
    return rank;
  };
  const state = async () => stateSchema.parse(await redis.hgetall(keys.ranks(lane)));

  async function accept(tenant: string) {
    const given = queue.submission({ tenant });
    const submitted = await generations.submit(given);
    if (submitted.kind !== "accepted") throw new Error(`The submission was ${submitted.kind}`);
    return { id: given.id, rank: await rankOf(given.id), priority: submitted.priority };
  }

  async function submit(tenant: string): Promise<void> {
    const { id, priority } = await accept(tenant);
    await lanes.add(lane, id, priority);
  }

  async function addLate(one: (typeof late)[number] | undefined): Promise<void> {
    if (one === undefined) return;
    late = late.filter(({ id }) => id !== one.id);
    displaced.add(one.id);
    await lanes.add(lane, one.id, one.priority);
  }

  async function takeNext(): Promise<void> {
    const job = await worker.getNextJob("a token", { block: false });
    if (job?.id === undefined) return;
    const begun = await attempts.start(job.id, lane);
    if (typeof begun !== "object") throw new Error(`The start of ${job.id} answered ${begun}`);
    held.push({ id: job.id, rank: await rankOf(job.id), job, attempt: begun.attempts });
    displaced.delete(job.id);
    starts++;
  }

  async function succeed({ id, job, attempt }: Held): Promise<void> {
    held = held.filter((one) => one.id !== id);
    expect(await attempts.succeed(id, lane, attempt, delivery, bill)).toBe("ok");
    await job.moveToCompleted(null, "a token", false);
  }

  /** All but the first, which keeps the lane from being empty. */
  const pick = ({ which }: Step) => held[1 + (which % Math.max(held.length - 1, 1))];

  async function comeBack(one: Held | undefined, inLine: boolean): Promise<void> {
    if (one === undefined) return;
    const { id, job, attempt } = one;
    held = held.filter((other) => other.id !== id);
    displaced.add(id);
    if (inLine) {
      expect(await attempts.putInLine(id, lane, attempt)).toBe("ok");
      await job.moveToWait("a token");
    } else {
      expect(await attempts.postpone(id, lane, attempt, "handbacks", 0)).toBe("ok");
      await job.moveToDelayed(Date.now(), "a token");
    }
  }

  const actions: Record<Step["action"], (one: Step) => Promise<unknown>> = {
    "submit many": async ({ tenant, which }) => {
      for (let i = 0; i < which % 50 && before.length < 50; i++) await submit(tenant);
    },
    "submit late": async ({ tenant }) => late.push(await accept(tenant)),
    "add late": ({ which }) => addLate(late[which % Math.max(late.length, 1)]),
    async cancel({ which }) {
      const one = before[which % Math.max(before.length, 1)];
      if (one === undefined) return;
      await generations.cancel(one.id, lane);
      await lanes.remove(lane, one.id);
    },
    async skip({ tenant, skipped }) {
      const mark = Number(await redis.hget(keys.ranks(lane), tenant));
      if (mark > 0 && mark - (await state()).reached < furthestAhead) {
        await redis.hset(keys.ranks(lane), tenant, mark + skipped);
      }
      await submit(tenant);
    },
    take: takeNext,
    "take many": async ({ which, tenant }) => {
      for (let i = 0; i < which % 24; i++) {
        await takeNext();
        await check("take many");
        // What comes between two steps of a move is what is hard to put in its place.
        if (wasMoving) await submit(tenant);
      }
    },
    "come back": (one) => comeBack(pick(one), false),
    "come back in line": (one) => comeBack(pick(one), true),
  };

  async function readLine(): Promise<Waiting[]> {
    const found = await redis.zrange(`${keys.lanes}:${lane}:prioritized`, "0", "-1", "WITHSCORES");
    const jobs = Array.from({ length: found.length / 2 }, (_, i) => ({
      id: found[i * 2] ?? "",
      priority: Math.floor(Number(found[i * 2 + 1]) / 2 ** 32),
    }));
    const pipeline = redis.pipeline();
    for (const { id } of jobs) pipeline.hget(`${keys.lanes}:${lane}:${id}`, "priority");
    const stored = (await pipeline.exec()) ?? [];
    return Promise.all(
      jobs.map(async ({ id, priority }, i) => ({
        id,
        priority,
        rank: await rankOf(id),
        stored: Number(stored[i]?.[1]),
      })),
    );
  }

  async function check(action: string): Promise<void> {
    const [line, { reached, base, isMoving }] = [await readLine(), await state()];
    const former = new Map(before.map((one) => [one.id, one]));
    if (base !== baseBefore) seen.raises++;
    seen.moved += line.filter(({ id, priority }) => priority !== (former.get(id)?.priority ?? priority)).length;
    if (isMoving) seen.stepsBetween++;
    if (line.some(({ id }) => displaced.has(id) && !former.has(id)))
      settledAfter = starts + Math.ceil(line.length / movedAtOnce) + 1;

    expect(Math.max(...line.map(({ priority }) => priority), 0), `${action}:`).toBeLessThan(largest);
    const inOrder = line.filter(({ id }) => !displaced.has(id)).map(({ rank }) => rank);
    expect(inOrder, `${action}:`).toEqual(inOrder.toSorted((a, b) => a - b));
    if (!isMoving && starts >= settledAfter) {
      for (const { id, rank, priority, stored } of line) {
        const right = Math.max(rank - base, 1);
        expect({ id, priority, stored }, `${action}:`).toEqual({ id, priority: right, stored: right });
        displaced.delete(id);
      }
    }
    before = line;
    baseBefore = base;
    wasMoving = isMoving;
    // What is held or late for as long as a lane takes for so many ranks is given up, or comes.
    for (const one of held.slice(1)) if (reached - one.rank > longestHeld) await succeed(one);
    for (const one of late) if (reached - one.rank > longestHeld) await addLate(one);
  }

  await submit("acme");
  await takeNext();
  await redis.hset(keys.ranks(lane), { "": from, acme: from });
  for (const one of steps) {
    await actions[one.action](one);
    await check(one.action);
  }
  seen.ranks += (await state()).reached - from;
  for (const one of late) await addLate(one);
  do await takeNext();
  while ((await redis.zcard(`${keys.lanes}:${lane}:prioritized`)) > 0);
  for (const one of held) await succeed(one);
  await takeNext();
  for (const one of held) await succeed(one);
  await queue.expectNothingButRecords();
}
