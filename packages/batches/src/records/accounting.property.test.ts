import { billUndelivered } from "@darkroom/accounts";
import { type Budget, ledgerEntrySchema, type Limits, noLimits } from "@darkroom/contracts";
import { withinOneDay } from "@darkroom/testing";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { delivery, openQueue } from "@darkroom/generations/queue-fixture";
import { createLineStore } from "./line-store.ts";
import { lineGenerationId } from "./line-result.ts";
import { type AccountModel, createAccountModel } from "./account-model.fixture.ts";
import type { PartialImage, Retried, Submitted } from "@darkroom/generations";

// The model knows no days.
withinOneDay();

/** Two keys of one tenant: what one does may not touch the other. */
const keyIds = ["key_a", "key_b"] as const;
const lane = "sandbox.interactive";

const small = fc.option(fc.integer({ min: 0, max: 60 }), { nil: null });
const budgets: fc.Arbitrary<Budget> = fc.record({ day: small, month: small, total: small });
const count = fc.option(fc.integer({ min: 1, max: 4 }), { nil: null });
const limits: fc.Arbitrary<Limits> = fc.record({
  requests_per_minute: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
  images_per_minute: fc.option(fc.integer({ min: 4, max: 20 }), { nil: null }),
  concurrent_generations: count,
  queued_generations: count,
  // Scripts of generations count none of these.
  held_requests: fc.constant(null),
  http_requests_per_minute: fc.constant(null),
  stored_files: fc.constant(null),
  stored_bytes: fc.constant(null),
  unfinished_batch_lines: fc.constant(null),
});

/** What is done to a generation. `which` picks one of those that were submitted; the model says what must come of it. */
const step = fc.record({
  action: fc.constantFrom(
    ...(["submit", "submit", "submit", "feed", "replay", "start", "start", "succeed", "succeed", "unpriced"] as const),
    ...([
      "fail",
      "fail",
      "show",
      "show",
      "postpone",
      "put in line",
      "cancel",
      "withdraw",
      "expire",
      "abandon",
      "retry",
      "disable",
      "enable",
    ] as const),
  ),
  which: fc.nat(1_000),
  key: fc.constantFrom(...keyIds),
  images: fc.integer({ min: 1, max: 4 }),
  worst: fc.integer({ min: 0, max: 20 }),
  /** What it is billed where nothing is delivered and a provider may have charged. */
  billUndelivered: fc.constantFrom(...billUndelivered),
  /** Which part of the worst case it comes to. */
  part: fc.double({ min: 0, max: 1, noNaN: true }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A partial image that is kept under this key. */
const partial = (key: string): PartialImage => ({
  index: 0,
  partialIndex: 0,
  key,
  mediaType: "image/png",
  width: 1,
  height: 1,
});

/** What became of a submission or a retry, in one word. */
const wordFor = (answer: Submitted | Retried): string =>
  answer.kind === "refused" ? answer.refusal.reason : answer.kind;

test("nothing is reserved without a generation, no budget is overspent, and account, ledger and sums agree after every story", async () => {
  const queue = await openQueue();
  const { redis, keys, lanes } = queue;
  const lines = createLineStore({ redis, keys, lanes, log: { debug() {}, info() {}, warn() {}, error() {} } });
  let story = 0;

  /** Takes the next line of its key's batch in. */
  async function feed(model: AccountModel, keyId: string, one: Step): Promise<[string, string]> {
    const { images, worst, billUndelivered: policy } = one;
    const id = `batch_of_${keyId}`;
    const fed = Number((await redis.hget(keys.batch(id), "fed")) ?? 0);
    await redis.hset(keys.batch(id), "status", "in_progress", "billUndelivered", policy);
    const admission = model.admission(keyId, images, worst);
    const given = queue.submission({ id: lineGenerationId(id, fed), keyId, admission, billUndelivered: policy });
    const { request, upstream } = given;
    const line = { index: fed, custom_id: `line-${fed}`, request, upstream, terms: {}, images, worst };
    const { budget } = admission;
    const answer = await lines.feed({ id, tenant: "acme", keyId, lane, model: "m" }, fed, [line], budget);
    const position = Number((await redis.hget(keys.batch(id), "fed")) ?? 0);
    expect(answer).toEqual({ fed: position - fed, waitsForMoney: position === fed });
    const taken = await redis.sismember(keys.batchLines(id), given.id);
    const word = answer.waitsForMoney ? "waits" : taken === 1 ? "accepted" : "refused";
    return [word, model.feed(given)];
  }

  /** Does one step in Redis and in the model. Answers what came of it here and there. */
  async function take(model: AccountModel, one: Step, suffix: string): Promise<[string, string] | []> {
    const { action, which, key, images, worst, part } = one;
    const { generations, attempts } = queue;
    if (action === "submit") {
      const keyId = `${key}${suffix}`;
      const given = queue.submission({
        keyId,
        caller: "here/1",
        admission: model.admission(keyId, images, worst),
        billUndelivered: one.billUndelivered,
      });
      return [wordFor(await generations.submit(given)), model.submit(given)];
    }
    if (action === "disable" || action === "enable") {
      const keyId = `${key}${suffix}`;
      await queue.redis.hset(`${queue.keys.root}key:${keyId}`, "status", action === "enable" ? "active" : "disabled");
      if (action === "enable") model.allow(keyId);
      else model.stop(keyId);
      return [];
    }
    if (action === "feed") return feed(model, `${key}${suffix}`, one);
    const found = model.pick(which);
    if (found === undefined) return [];
    // What only a caller's side does, a batch does not.
    if (found.line && (action === "replay" || action === "expire" || action === "abandon")) return [];
    const { id, keyId, admission } = found.submission;
    const tokens = { images: 1, inputTokens: 3, outputTokens: 7 };
    const succeed = async (costMicros: number | null): Promise<[string, string]> => [
      await attempts.succeed(id, lane, found.attempts, delivery, {
        ...tokens,
        costMicros,
        providerCostMicros: costMicros,
      }),
      model.end(id, { cost: costMicros }),
    ];
    switch (action) {
      case "replay":
        // The answer was lost, and the api sends the same submission once more.
        return [wordFor(await generations.submit(found.submission)), "accepted"];
      case "start": {
        // A second start is a worker's that took over from one that died.
        const started = await attempts.start(id, lane);
        return [typeof started === "string" ? started : "started", model.start(id)];
      }
      case "succeed":
        return succeed(Math.floor(part * found.worst));
      case "unpriced":
        return succeed(null);
      case "fail": {
        const failure = { code: "upstream_error", message: "It broke." } as const;
        // Half of them are refusals, for which no provider charges.
        const uncharged = part < 0.5;
        return [
          await attempts.fail(id, lane, found.attempts, failure, uncharged),
          model.end(id, { mayBeCharged: !uncharged }),
        ];
      }
      case "show":
        return [await attempts.appendPartial(id, found.attempts, partial(`${id}/${found.attempts}`)), model.show(id)];
      case "postpone":
        return part < 0.5
          ? [await attempts.postpone(id, lane, found.attempts, "handbacks", 0), model.postpone(id, false)]
          : [await attempts.breakOff(id, lane, found.attempts), model.postpone(id, true)];
      case "put in line":
        return [await attempts.putInLine(id, lane, found.attempts), model.putInLine(id)];
      case "cancel":
        return [await generations.cancel(id, lane), model.cancel(id)];
      case "withdraw":
        return [await generations.withdraw(id, lane, "canceled"), model.withdraw(id)];
      case "expire":
        await redis.hset(keys.record(id), "expiresAt", 1);
        return [await generations.expire(id, lane), model.expire(id)];
      case "abandon":
        return [await generations.leave(id, lane, "here/1", "cut"), model.abandon(id)];
      // The last of them is `retry`.
      default: {
        const again = model.admission(keyId, admission.images, found.worst);
        return [wordFor(await generations.retry(id, lane, "acme", again)), model.retry(id)];
      }
    }
  }

  async function readLedger(suffix: string) {
    const days = await queue.redis.smembers(`${queue.keys.root}ledger-days`);
    const written = await Promise.all(days.map((day) => redis.lrange(`${keys.root}ledger:${day}`, 0, -1)));
    const entries = written.flat().map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
    return entries.filter(({ key_id }) => key_id.endsWith(suffix));
  }

  async function readUsage(suffix: string) {
    const days = await queue.redis.smembers(`${queue.keys.root}ledger-days`);
    const sums: Record<string, number> = {};
    for (const day of days) {
      const hash = await queue.redis.hgetall(`${queue.keys.root}usage:${day}:acme`);
      for (const [field, value] of Object.entries(hash)) {
        const [keyId = "", , measure = ""] = field.split(" ");
        if (!keyId.endsWith(suffix)) continue;
        sums[`${keyId} ${measure}`] = (sums[`${keyId} ${measure}`] ?? 0) + Number(value);
      }
    }
    return sums;
  }

  async function play(steps: Step[], ofA: [Limits, Budget], ofB: [Limits, Budget]) {
    const suffix = `_${++story}`;
    const terms = { [`key_a${suffix}`]: ofA, [`key_b${suffix}`]: ofB };
    const model = createAccountModel(terms);
    for (const one of steps) {
      const [here, there] = await take(model, one, suffix);
      expect({ [one.action]: there?.split(" or ") ?? [there] }).toEqual({
        [one.action]: expect.arrayContaining([here]),
      });
      for (const keyId of Object.keys(terms)) {
        const hash = await queue.redis.hgetall(`${queue.keys.root}account:${keyId}`);
        const number = (name: string) => Number(hash[name] ?? 0);
        const is = {
          active: number("active"),
          queued: number("queued"),
          reserved: number("reserved"),
          total: number("total"),
          daySpent: number("daySpent"),
          monthSpent: number("monthSpent"),
        };
        expect(is).toEqual(model.account(keyId));
        const budget = terms[keyId]?.[1];
        expect(is.reserved).toBeGreaterThanOrEqual(0);
        expect(is.total + is.reserved).toBeLessThanOrEqual(budget?.total ?? Infinity);
        expect(is.daySpent).toBeLessThanOrEqual(budget?.day ?? Infinity);
        expect(is.monthSpent).toBeLessThanOrEqual(budget?.month ?? Infinity);
      }
    }
    const entries = await readLedger(suffix);
    expect(new Set(entries.map(({ id }) => id)).size, "entries of one ending").toBe(entries.length);
    const facts = entries.map(({ generation, status, cost, unbilled, provider_cost }) => ({
      generation,
      status,
      cost,
      unbilled,
      providerCost: provider_cost,
    }));
    expect(facts).toEqual(model.endings());
    expect(await readUsage(suffix)).toEqual(model.usage());
  }

  const plain: [Limits, Budget] = [noLimits, { day: null, month: null, total: null }];
  await play([], plain, plain);
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
      fc.tuple(limits, budgets),
      fc.tuple(limits, budgets),
      play,
    ),
    // Each smaller example costs as many round trips as the one that failed: the test would be out of time before it told of it.
    { numRuns: 60, endOnFailure: true },
  );
});
