import { type Admission, type BillUndelivered, unlimited } from "@darkroom/accounts";
import { ledgerEntrySchema } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { delivery, openQueue, type TestQueue } from "@darkroom/generations/queue-fixture";
import { lineGenerationId } from "./line-result.ts";
import { createLineStore } from "./line-store.ts";

const lane = "sandbox.interactive";
const worstCaseMicros = 70;
const admission: Admission = { ...unlimited, images: 1, worstCaseMicros };
const failure = { code: "upstream_error", message: "It broke." } as const;
const partial = (key: string) => ({ index: 0, partialIndex: 0, key, mediaType: "image/png", width: 1, height: 1 });

/** A generation that a worker has begun, and what is done to it. */
async function open(billUndelivered?: BillUndelivered) {
  const queue = await openQueue();
  const { generations, attempts, redis, keys } = queue;
  const { id } = queue.submission();
  await generations.submit(queue.submission({ id, admission, billUndelivered }));
  const begin = async () => {
    const begun = await attempts.start(id, lane);
    if (typeof begun !== "object") throw new Error(`It is ${begun}`);
    return begun.attempts;
  };
  await begin();
  return {
    ...queue,
    id,
    begin,
    show: (attempt = 1) => attempts.appendPartial(id, attempt, partial(`${id}/${attempt}`)),
    /** What its latest ending came to: for its tenant, for the budget of its key, and to be told of the provider. */
    ended: async () => {
      const account = await redis.hgetall(`${keys.root}account:key`);
      const entry = (await readLedger(queue)).at(-1);
      expect(account["reserved"], "reserved").toBe("0");
      expect(account["daySpent"]).toBe(account["total"]);
      return {
        spent: Number(account["total"]),
        cost: entry?.cost,
        unbilled: entry?.unbilled,
        provider: entry?.provider_cost,
      };
    },
  };
}

async function readLedger({ redis, keys }: TestQueue) {
  const days = (await redis.smembers(`${keys.root}ledger-days`)).toSorted();
  const lines = await Promise.all(days.map((day) => redis.lrange(`${keys.root}ledger:${day}`, 0, -1)));
  return lines.flat().map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
}

type Opened = Awaited<ReturnType<typeof open>>;

const free = { spent: 0, cost: 0, unbilled: 0, provider: 0 };
const taken = { spent: worstCaseMicros, cost: 0, unbilled: worstCaseMicros, provider: null };
const billed = { spent: worstCaseMicros, cost: worstCaseMicros, unbilled: 0, provider: null };

describe("an ending that delivers nothing and that a provider may charge for takes what was reserved from the budget", () => {
  const endings: [string, (queue: Opened) => Promise<unknown>][] = [
    ["canceled while it runs", ({ generations, id }) => generations.cancel(id, lane)],
    ["failed after it was sent", ({ attempts, id }) => attempts.fail(id, lane, 1, failure)],
    [
      "canceled while it waits for another attempt, its provider call having been broken off",
      async ({ attempts, generations, id }) => {
        await attempts.breakOff(id, lane, 1);
        await generations.cancel(id, lane);
      },
    ],
    [
      "refused by the attempt after one that died",
      async ({ attempts, begin, id }) => attempts.fail(id, lane, await begin(), failure, true),
    ],
    [
      "refused by the attempt after one that noted what it has bought",
      async ({ attempts, begin, id }) => {
        await attempts.checkpoint(id, 1, delivery);
        await attempts.postpone(id, lane, 1, "failures", 0);
        await attempts.fail(id, lane, await begin(), failure, true);
      },
    ],
    [
      "withdrawn after an attempt that noted an image which may be charged for",
      async ({ attempts, generations, id }) => {
        const missing = [{ ...failure, index: 0, mayHaveCharged: true }];
        await attempts.checkpoint(id, 1, { ...delivery, images: [] }, missing);
        await attempts.postpone(id, lane, 1, "failures", 0);
        await generations.withdraw(id, lane, "canceled");
      },
    ],
  ];
  test.each(endings)("%s", async (_, end) => {
    const queue = await open("none");
    await end(queue);
    expect(await queue.ended()).toEqual(taken);
    const reserved = await open("reserved");
    await end(reserved);
    expect(await reserved.ended()).toEqual(billed);
  });
});

describe("nothing is taken for what no provider charges for", () => {
  const endings: [string, (queue: Opened) => Promise<unknown>][] = [
    ["refused", ({ attempts, id }) => attempts.fail(id, lane, 1, failure, true)],
    [
      "canceled between two attempts of which the first was refused for now",
      async ({ attempts, generations, id }) => {
        await attempts.postpone(id, lane, 1, "failures", 0);
        await generations.cancel(id, lane);
      },
    ],
    [
      "canceled after a worker that stopped has given it back unharmed",
      async ({ attempts, generations, id }) => {
        await attempts.postpone(id, lane, 1, "handbacks", 0);
        await generations.cancel(id, lane);
      },
    ],
    [
      "refused after an attempt whose images were refused in part",
      async ({ attempts, begin, id }) => {
        const missing = [{ ...failure, index: 0, mayHaveCharged: false }];
        await attempts.checkpoint(id, 1, { ...delivery, images: [] }, missing);
        await attempts.postpone(id, lane, 1, "failures", 0);
        await attempts.fail(id, lane, await begin(), failure, true);
      },
    ],
  ];
  test.each(endings)("%s", async (_, end) => {
    const queue = await open("reserved");
    await end(queue);
    expect(await queue.ended()).toEqual(free);
  });

  test("a life is judged by its own attempts", async () => {
    const { generations, attempts, begin, ended, id } = await open("none");
    await generations.cancel(id, lane);
    await generations.retry(id, lane, "acme", admission);
    await attempts.fail(id, lane, await begin(), failure, true);
    expect(await ended()).toEqual({ ...free, spent: worstCaseMicros });
  });
});

describe("partial images that were shown", () => {
  test("are billed where the owner cancels after them", async () => {
    const { generations, show, ended, id } = await open("partials");
    await show();
    await generations.cancel(id, lane);
    expect(await ended()).toEqual(billed);
  });

  test.each([
    ["none were shown", async ({ generations, id }: Opened) => generations.cancel(id, lane)],
    [
      "the provider broke off after them",
      async ({ attempts, show, id }: Opened) => {
        await show();
        await attempts.fail(id, lane, 1, failure);
      },
    ],
  ])("and nothing is billed where %s", async (_, end) => {
    const queue = await open("partials");
    await end(queue);
    expect(await queue.ended()).toEqual(taken);
  });

  test("in a former life are none of this one", async () => {
    const { generations, begin, show, ended, id } = await open("partials");
    await show();
    await generations.cancel(id, lane);
    await generations.retry(id, lane, "acme", admission);
    await begin();
    await generations.cancel(id, lane);
    expect(await ended()).toEqual({ ...taken, spent: 2 * worstCaseMicros });
  });
});

test("who cancels at the last partial image again and again comes to the end of the budget", async () => {
  const queue = await openQueue();
  const budget = { day: null, month: null, total: 200 };
  const answers: string[] = [];
  for (let call = 0; call < 10; call++) {
    const submission = queue.submission({ admission: { ...admission, budget }, billUndelivered: "none" });
    const { kind } = await queue.generations.submit(submission);
    answers.push(kind);
    if (kind !== "accepted") continue;
    await queue.attempts.start(submission.id, lane);
    await queue.attempts.appendPartial(submission.id, 1, partial(submission.id));
    await queue.generations.cancel(submission.id, lane);
  }
  expect(answers.filter((kind) => kind === "accepted")).toHaveLength(2);
});

test("a line is billed as its batch was accepted", async () => {
  const queue = await openQueue();
  const { redis, keys, attempts, lanes } = queue;
  const lines = createLineStore({ redis, keys, lanes, log: { debug() {}, info() {}, warn() {}, error() {} } });
  await redis.hset(keys.batch("batch_1"), "status", "in_progress", "billUndelivered", "reserved");
  const { request, upstream } = queue.submission();
  const line = { index: 0, custom_id: "a", request, upstream, terms: {}, images: 1, worst: worstCaseMicros };
  const batch = { id: "batch_1", tenant: "acme", keyId: "key", lane, model: "m" };
  await lines.feed(batch, 0, [line], { day: null, month: null, total: null });
  const id = lineGenerationId("batch_1", 0);
  await attempts.start(id, lane);
  await attempts.fail(id, lane, 1, failure);
  expect(await readLedger(queue)).toMatchObject([{ status: "failed", cost: worstCaseMicros, unbilled: 0 }]);
});

test("what has no known worst case is billed as unknown where it is billed", async () => {
  const queue = await openQueue();
  const unpriced = { ...admission, worstCaseMicros: null };
  const submission = queue.submission({ admission: unpriced, billUndelivered: "reserved" });
  await queue.generations.submit(submission);
  await queue.attempts.start(submission.id, lane);
  await queue.generations.cancel(submission.id, lane);
  expect(await readLedger(queue)).toMatchObject([{ status: "canceled", cost: null, unbilled: 0, provider_cost: null }]);
});
