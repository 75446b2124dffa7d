import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lineGenerationId } from "./line-result.ts";
import { createLineStore } from "./line-store.ts";
import { bill, delivery, free, openQueue, type TestQueue } from "@darkroom/generations/queue-fixture";

const lane = "sandbox.interactive";
const log = { debug() {}, info() {}, warn() {}, error() {} };
const failure = { code: "upstream_error", message: "It broke." } as const;

/** What is done to a generation: `which` picks one of those there are. An audit takes steps of a few names, so that much moves between two. */
const step = fc.record({
  action: fc.constantFrom(
    ...([
      "submit",
      "submit",
      "feed",
      "start",
      "start",
      "postpone",
      "putInLine",
      "succeed",
      "fail",
      "cancel",
      "retry",
    ] as const),
    ...(["audit", "audit", "audit"] as const),
  ),
  which: fc.nat(1_000),
  key: fc.constantFrom("key_a", "key_b"),
  tenant: fc.constantFrom("acme", "other"),
  worst: fc.integer({ min: 0, max: 20 }),
  names: fc.constantFrom(1, 5, 1_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A queue on which steps are taken, and what there is in it. */
async function openStory() {
  const queue = await openQueue();
  const { redis, keys, lanes, generations, attempts } = queue;
  const lines = createLineStore({ redis, keys, lanes, log });
  const ids: string[] = [];
  const fed = new Map<string, number>();
  const auditState = `${keys.root}audit`;
  const audits = new Map([1, 5, 1_000].map((names) => [names, queue.audit({ names })]));

  async function auditSome(names: number): Promise<void> {
    // Any worker may take the next step, once the one before it is believed to be dead.
    await redis.hset(auditState, "heldUntil", 1);
    await audits.get(names)?.step();
  }

  async function feed(keyId: string, tenant: string, worst: number): Promise<void> {
    const id = `batch_of_${keyId}_${tenant}`;
    const index = fed.get(id) ?? 0;
    await redis.hset(keys.batch(id), { status: "in_progress", fed: index });
    const { request, upstream } = queue.submission();
    const line = { index, custom_id: `line-${index}`, request, upstream, terms: {}, images: 1, worst };
    const budget = { day: null, month: null, total: null };
    await lines.feed({ id, tenant, keyId, lane, model: "m" }, index, [line], budget);
    fed.set(id, index + 1);
    ids.push(lineGenerationId(id, index));
  }

  async function take({ action, which, key, tenant, worst, names }: Step): Promise<void> {
    if (action === "audit") return auditSome(names);
    if (action === "feed") return feed(key, tenant, worst);
    const admission = { ...free, worstCaseMicros: worst };
    if (action === "submit") {
      const given = queue.submission({ keyId: key, tenant, admission });
      await generations.submit(given);
      ids.push(given.id);
      return;
    }
    const id = ids[which % Math.max(ids.length, 1)];
    const record = id === undefined ? null : await generations.read(id);
    if (record === null) return;
    const { attempts: token } = record;
    const moves = {
      start: () => attempts.start(record.id, lane),
      postpone: () => attempts.postpone(record.id, lane, token, "handbacks", 0),
      putInLine: () => attempts.putInLine(record.id, lane, token),
      succeed: () => attempts.succeed(record.id, lane, token, delivery, bill),
      fail: () => attempts.fail(record.id, lane, token, failure),
      cancel: () => generations.cancel(record.id, lane),
      retry: () =>
        generations.retry(record.id, lane, record.tenant, { ...admission, worstCaseMicros: record.reservedMicros }),
    };
    await moves[action]();
  }

  return { ...queue, ids, take, auditSome, auditState };
}

/** What accounts and lane should say, told by nothing but the records. */
async function truth({ generations }: TestQueue, ids: readonly string[]) {
  const sums: Record<string, number> = {};
  const add = (name: string, amount: number) => (sums[name] = (sums[name] ?? 0) + amount);
  for (const id of ids) {
    const record = await generations.read(id);
    if (record === null || (record.status !== "queued" && record.status !== "running")) continue;
    const alone = record.batchId === null;
    add(`account:${record.keyId} active`, alone ? 1 : 0);
    add(`account:${record.keyId} queued`, alone && record.status === "queued" ? 1 : 0);
    add(`account:${record.keyId} reserved`, record.reservedMicros ?? 0);
    add(`pending:${lane} ${record.tenant}`, 1);
  }
  return withoutZeros(sums);
}

const withoutZeros = (sums: Record<string, number>) =>
  Object.fromEntries(Object.entries(sums).filter(([, amount]) => amount !== 0));

/** What accounts and lane do say. */
async function told({ redis, keys }: TestQueue) {
  const sums: Record<string, number> = {};
  for (const name of ["account:key_a", "account:key_b", `pending:${lane}`]) {
    for (const [field, value] of Object.entries(await redis.hgetall(`${keys.root}${name}`))) {
      if (name.startsWith("account") && !["active", "queued", "reserved"].includes(field)) continue;
      sums[`${name} ${field}`] = Number(value);
    }
  }
  return withoutZeros(sums);
}

/** What the audit has counted. */
async function counted({ redis, keys }: TestQueue) {
  const sums = Object.entries(await redis.hgetall(`${keys.root}audit-sums`));
  return withoutZeros(Object.fromEntries(sums.map(([name, value]) => [name.slice(keys.root.length), Number(value)])));
}

test("from when an audit has seen all records, its sums are what the records say, whatever moves meanwhile", async () => {
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120, size: "max" }), async (steps) => {
      const story = await openStory();
      for (const one of steps) {
        await story.take(one);
        if ((await story.redis.hget(story.auditState, "phase")) !== "sums") continue;
        seen++;
        const is = await truth(story, story.ids);
        expect(await counted(story)).toEqual(is);
        expect(await told(story)).toEqual(is);
      }
      expect(await story.redis.exists(`${story.keys.root}audit-differences`)).toBe(0);
    }),
    { numRuns: 30, endOnFailure: true },
  );
  // Otherwise it has looked at nothing.
  expect(seen).toBeGreaterThan(30);
});

const damage = fc.record({
  after: fc.nat(30),
  name: fc.constantFrom("account:key_a", "account:key_b", `pending:${lane}`, `ranks:${lane}`),
  by: fc.constantFrom("deleted", 5, -5),
});

test("sums that were damaged are those of the records again after three audits, whatever moves meanwhile", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 30, maxLength: 80, size: "max" }),
      fc.array(step, { minLength: 15, maxLength: 15 }),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      async (before, after, damages) => {
        const story = await openStory();
        const { redis, keys } = story;
        for (const [i, one] of before.entries()) {
          for (const { name, by } of damages.filter((each) => each.after === i)) {
            if (by === "deleted") await redis.del(`${keys.root}${name}`);
            else await redis.hincrby(`${keys.root}${name}`, name.startsWith("account") ? "reserved" : "acme", by);
          }
          await story.take(one);
        }
        // The pass that is under way, and three from their beginning to their end.
        for (let passes = 0; passes < 4;) {
          for (const one of after) if (one.action !== "audit") await story.take(one);
          await story.auditSome(1_000);
          if ((await redis.hget(story.auditState, "phase")) === null) passes++;
        }
        expect(await told(story)).toEqual(await truth(story, story.ids));
      },
    ),
    { numRuns: 30, endOnFailure: true },
  );
});
