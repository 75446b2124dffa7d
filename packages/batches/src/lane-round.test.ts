import { text } from "node:stream/consumers";
import { noBudget } from "@darkroom/contracts";
import {
  batchObjects,
  createAttemptStore,
  createBatchStore,
  createGenerationStore,
  createLanes,
  createLineStore,
  type LineResult,
  lineResultSchema,
  type PreparedLine,
} from "@darkroom/queue";
import { createObjectStore } from "@darkroom/storage";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLaneRound } from "./lane-round.ts";
import { aBatch, openRedis } from "./open-redis.fixture.ts";
import { createPreparedLines } from "./prepared-lines.ts";

const lane = "sandbox.batch";
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const log = { debug() {}, info() {}, warn() {}, error() {} };
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const live = new AbortController().signal;
const windowMs = 86_400_000;
const delivery = {
  provider: "sandbox",
  images: [{ index: 0, key: "acme/gen/0.png", bytes: 3, mediaType: "image/png", width: 1, height: 1 }],
};
const bill = { images: 1, inputTokens: 0, outputTokens: 0, costMicros: 7, providerCostMicros: null };

/** A lane on a real Redis, with nobody who works it off but the test. */
function openLane({ window = 300, budget = noBudget, keyInForce = true } = {}) {
  const { redis, keys } = openRedis();
  const lanes = createLanes(redis, keys);
  onTestFinished(() => lanes.close());
  const objects = createObjectStore({ storage: "memory", links });
  const batches = createBatchStore(redis, keys);
  const generations = createGenerationStore(redis, keys, retention);
  const attempts = createAttemptStore(redis, keys, retention);
  const lines = createLineStore({ redis, keys, lanes, log });
  const stored = createPreparedLines(objects);
  const looked: string[] = [];
  const preparedLines: typeof stored = {
    from(batch, index) {
      looked.push(batch.id);
      return stored.from(batch, index);
    },
  };
  const time = { offsetMs: 0 };
  const state = { keyInForce, redisIsFull: false };
  const newRound = () =>
    createLaneRound({
      lane,
      window,
      quantum: 10,
      floor: 10,
      batches,
      lines,
      generations,
      lanes,
      objects,
      prepared: preparedLines,
      accountOf: async () => (state.keyInForce ? { budget } : null),
      log,
      isRedisFull: () => state.redisIsFull,
      now: async () => Date.now() + time.offsetMs,
    });

  /** A batch in progress, its lines in chunks of 500. */
  async function begin(total: number, tenant = "acme", over: Partial<PreparedLine> = {}): Promise<string> {
    const asked = aBatch({ tenant, windowMs });
    const { id } = asked;
    await batches.create(asked);
    const chunks = Array.from({ length: Math.ceil(total / 500) }, (_, i) => i * 500);
    for (const [chunk, first] of chunks.entries()) {
      const some = Array.from({ length: Math.min(500, total - first) }, (_, i) => ({
        ...prepared(first + i),
        ...over,
      }));
      const body = Buffer.from(some.map((line) => `${JSON.stringify(line)}\n`).join(""));
      await objects.put(batchObjects(tenant, id).lines(chunk), body, { contentType: "application/jsonl" });
    }
    await batches.accept(id, { model: "m", lane, total, chunks });
    return id;
  }

  const read = async (id: string) => {
    const batch = await batches.read(id);
    if (batch === null) throw new Error(`There is no ${id}`);
    return batch;
  };

  async function results(id: string): Promise<LineResult[]> {
    const { tenant, segments } = await read(id);
    const found: LineResult[] = [];
    for (let segment = 0; segment < segments; segment++) {
      const { body } = await objects.get(batchObjects(tenant, id).results(segment));
      const written = (await text(body)).trimEnd().split("\n");
      found.push(...written.map((line) => lineResultSchema.parse(JSON.parse(line))));
    }
    return found;
  }

  return {
    redis,
    keys,
    objects,
    looked,
    batches,
    generations,
    attempts,
    lines,
    lanes,
    time,
    state,
    newRound,
    begin,
    read,
    results,
  };
}

const prepared = (index: number): PreparedLine => ({
  index,
  custom_id: `line "${index}" – ✓`,
  request: { prompt: `Number ${index}`, response_format: "b64_json" },
  upstream: { model: "m", parameters: { n: 1 } },
  terms: {},
  images: 1,
  worst: 10,
});

type Lane = ReturnType<typeof openLane>;

/** Ends what is open, all or the first ones: every fifth line fails. */
async function work({ lines, attempts }: Lane, batchId: string, most = Infinity): Promise<number> {
  const open = (await lines.open(batchId)).slice(0, most);
  for (const [i, id] of open.entries()) {
    if (typeof (await attempts.start(id, lane)) === "string") continue;
    if (i % 5 === 4) await attempts.fail(id, lane, 1, { code: "upstream_error", message: "It broke." });
    else await attempts.succeed(id, lane, 1, delivery, bill);
  }
  return open.length;
}

test("every line of a batch is run and collected once, though rounds run twice at a time and are broken off", async () => {
  const queue = openLane();
  const id = await queue.begin(1_203);
  for (let rounds = 0; !(await queue.read(id)).ready; rounds++) {
    expect(rounds).toBeLessThan(100);
    const broken = new AbortController();
    const three = [queue.newRound()(live), queue.newRound()(live), queue.newRound()(broken.signal)];
    broken.abort();
    await Promise.all(three);
    const { fed, completed, failed } = await queue.read(id);
    expect(fed - completed - failed).toBeLessThanOrEqual(300);
    await work(queue, id, 150);
  }
  const batch = await queue.read(id);
  const results = await queue.results(id);
  expect(results.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 1_203 }, (_, i) => i),
  );
  expect(results.every(({ index, custom_id }) => custom_id === `line "${index}" – ✓`)).toBe(true);
  const completed = results.filter(({ status }) => status === "succeeded");
  expect(batch).toMatchObject({ status: "finalizing", outcome: "completed", fed: 1_203, completed: completed.length });
  expect(batch.completed + batch.failed).toBe(1_203);
  expect(batch.costMicros).toBe(7 * completed.length);
  expect(completed[0]).toMatchObject({ delivery, error: null, request: { response_format: "b64_json" }, cost: 7 });

  expect(await queue.redis.keys(`${queue.keys.root}generation:*`), "records").toEqual([]);
  expect(await queue.redis.exists(queue.keys.batchLines(id), queue.keys.batchEnded(id), queue.keys.unlaned)).toBe(0);
  const account = await queue.redis.hgetall(`${queue.keys.root}account:key`);
  expect(account).toMatchObject({ active: "0", queued: "0", reserved: "0", total: String(7 * completed.length) });
  expect(await queue.newRound()(live)).toBeNull();
});

test("a small batch that comes later is fed beside one that fills the window", async () => {
  const queue = openLane({ window: 100 });
  const big = await queue.begin(1_000, "big");
  const round = queue.newRound();
  await round(live);
  expect((await queue.read(big)).fed).toBe(100);
  const small = await queue.begin(5, "small");
  await round(live);
  expect((await queue.read(small)).fed).toBe(5);
  await work(queue, small);
  await round(live);
  expect(await queue.read(small)).toMatchObject({ ready: true, completed: 4, failed: 1 });
});

describe("a batch that is stopped", () => {
  test("by its owner withdraws what nobody works on, lets what runs finish, and feeds no more", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(30);
    const round = queue.newRound();
    await round(live);
    const [running = ""] = await queue.lines.open(id);
    await queue.attempts.start(running, lane);
    await queue.batches.cancel(id, lane);
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "cancelling", ready: false, fed: 10 });
    await queue.attempts.succeed(running, lane, 1, delivery, bill);
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "cancelling", ready: true, fed: 10, completed: 1, failed: 9 });
    const statuses = (await queue.results(id)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([...Array.from({ length: 9 }, () => "canceled"), "succeeded"]);
  });

  test("keeps in mind which images it had of lines that it canceled, for the sweep", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(1);
    const round = queue.newRound();
    await round(live);
    const [open = ""] = await queue.lines.open(id);
    await queue.attempts.start(open, lane);
    await queue.attempts.checkpoint(open, 1, delivery);
    await queue.attempts.postpone(open, lane, 1, "failures", 1_000);
    await queue.batches.cancel(id, lane);
    await round(live);
    expect(await queue.results(id)).toMatchObject([{ status: "canceled", delivery }]);
  });

  test("by its time expires what was not begun", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(30);
    const round = queue.newRound();
    await round(live);
    queue.time.offsetMs = windowMs;
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "finalizing", outcome: "expired", fed: 10, failed: 10 });
    expect((await queue.results(id)).every(({ status }) => status === "expired")).toBe(true);
  });

  test("by the end of its key is canceled", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(30);
    const round = queue.newRound();
    await round(live);
    queue.state.keyInForce = false;
    await round(live);
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "cancelling", outcome: "cancelled", ready: true, fed: 10 });
  });
});

test("lines that the budget has no room for end with that as their reason, and the others run", async () => {
  const queue = openLane({ budget: { day: null, month: null, total: 35 } });
  const id = await queue.begin(5);
  const round = queue.newRound();
  await round(live);
  expect(await queue.lines.open(id)).toHaveLength(3);
  await work(queue, id);
  await round(live);
  const results = await queue.results(id);
  expect(results.filter(({ error }) => error?.code === "insufficient_quota").map(({ index }) => index)).toEqual([3, 4]);
  expect(await queue.read(id)).toMatchObject({ completed: 3, failed: 2, ready: true });
});

test("a batch whose lines are not to be read holds up no other, and ends with its time", async () => {
  const queue = openLane();
  const broken = await queue.begin(600);
  await queue.objects.delete([batchObjects("acme", broken).lines(1)]);
  const whole = await queue.begin(5);
  const round = queue.newRound();
  for (let rounds = 0; rounds < 4; rounds++) {
    await round(live);
    await work(queue, broken);
    await work(queue, whole);
  }
  expect(await queue.read(broken)).toMatchObject({ status: "in_progress", fed: 500 });
  expect(await queue.read(whole)).toMatchObject({ ready: true, completed: 4, failed: 1 });
  queue.time.offsetMs = windowMs;
  await round(live);
  expect(await queue.read(broken)).toMatchObject({ outcome: "expired", ready: true, fed: 500 });
});

test("a round reads the lines of as many batches as it can feed, and not of all", async () => {
  const queue = openLane({ window: 20 });
  for (let i = 0; i < 30; i++) await queue.begin(3);
  const round = queue.newRound();
  await round(live);
  await round(live);
  expect(new Set(queue.looked).size).toBe(20);
});

test("nothing is fed into a Redis that is full, and what has ended makes room in it", async () => {
  const queue = openLane({ window: 10 });
  const id = await queue.begin(30);
  const round = queue.newRound();
  await round(live);
  await work(queue, id);
  queue.time.offsetMs = 10_000;
  queue.state.redisIsFull = true;
  await round(live);
  expect(await queue.read(id)).toMatchObject({ fed: 10, completed: 8, failed: 2 });
  queue.state.redisIsFull = false;
  await round(live);
  expect(await queue.read(id)).toMatchObject({ fed: 20 });
});

test("chunks that are not those of the record are not fed: a line would run twice, and another never", async () => {
  const queue = openLane();
  const id = await queue.begin(600);
  const others = Array.from({ length: 101 }, (_, i) => `${JSON.stringify(prepared(499 + i))}\n`).join("");
  const chunk = batchObjects("acme", id).lines(1);
  await queue.objects.put(chunk, Buffer.from(others), { contentType: "application/jsonl" });
  const round = queue.newRound();
  for (let rounds = 0; rounds < 4; rounds++) {
    await round(live);
    await work(queue, id);
  }
  expect(await queue.read(id)).toMatchObject({ status: "in_progress", fed: 500 });
});

test("a key that was given a budget meanwhile buys no line whose price nobody knows", async () => {
  const queue = openLane({ budget: { day: null, month: null, total: 35 } });
  const id = await queue.begin(2, "acme", { worst: null });
  await queue.newRound()(live);
  expect(await queue.lines.open(id)).toEqual([]);
  expect(await queue.results(id)).toEqual([]);
  await queue.newRound()(live);
  expect((await queue.results(id)).map(({ error }) => error?.code)).toEqual([
    "insufficient_quota",
    "insufficient_quota",
  ]);
});
