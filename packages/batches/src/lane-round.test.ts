import { batchObjects } from "./records/batch-objects.ts";
import { StorageError } from "@darkroom/storage";
import { describe, expect, test, vi } from "vitest";
import { bill, delivery, lane as laneName, live, openLane, prepared, windowMs, work } from "./open-lane.fixture.ts";

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
  expect(await queue.redis.exists(queue.keys.batchLines(id), queue.keys.batchEnded(id), queue.keys.queued)).toBe(0);
  const account = await queue.redis.hgetall(`${queue.keys.root}account:key`);
  // The lines that failed may have been charged for: each takes its worst case.
  const total = 7 * completed.length + 10 * (1_203 - completed.length);
  expect(account).toMatchObject({ active: "0", queued: "0", reserved: "0", total: String(total) });
  expect(await queue.newRound()(live)).toBeNull();
});

test("a batch whose record only another release can read keeps no other from its lane, and waits for that release", async () => {
  const queue = openLane();
  const unreadable = await queue.begin(3);
  const other = await queue.begin(3);
  await queue.redis.hset(queue.keys.batch(unreadable), "outcome", "of tomorrow");
  const round = queue.newRound();
  await round(live);
  await work(queue, other);
  await round(live);
  expect(await queue.read(other)).toMatchObject({ ready: true, completed: 3 });
  // The job of the lane stays: only a release that can read the batch knows whether it needs one.
  expect(await round(live)).toBeGreaterThan(0);
  expect(await queue.quarantine.list({ limit: 10 })).toMatchObject([{ kind: "batch", subject: unreadable }]);
  await queue.redis.hdel(queue.keys.batch(unreadable), "outcome");
  await round(live);
  expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
  expect((await queue.read(unreadable)).fed).toBe(3);
});

describe("a batch", () => {
  type Damage = (queue: ReturnType<typeof openLane>, id: string) => Promise<unknown>;
  const damages: Record<string, Damage> = {
    "whose record is of another type": async ({ redis, keys }, id) => {
      await redis.del(keys.batch(id));
      return redis.set(keys.batch(id), "x");
    },
    "whose list of ended lines is of another type": ({ redis, keys }, id) => redis.set(keys.batchEnded(id), "x"),
    "whose API key cannot be read": async ({ state }) => (state.unreadableKey = "odd"),
    "whose lines cannot be put on its list of lines": ({ redis, keys }, id) => redis.set(keys.batchLines(id), "x"),
  };

  test.each(Object.entries(damages))(
    "%s keeps no other from its lane, and is shown to the operator",
    async (_, damage) => {
      const queue = openLane();
      const damaged = await queue.begin(3, "acme", {}, "odd");
      const other = await queue.begin(3);
      await damage(queue, damaged);
      const round = queue.newRound();
      await round(live);
      await work(queue, other);
      await round(live);
      expect(await queue.read(other)).toMatchObject({ ready: true, completed: 3 });
      // The job of the lane stays.
      expect(await round(live)).toBeGreaterThan(0);
      expect(await queue.quarantine.list({ limit: 10 })).toMatchObject([{ kind: "batch", subject: damaged }]);
    },
  );

  test("whose API key can be read again goes on", async () => {
    const queue = openLane();
    const id = await queue.begin(3, "acme", {}, "odd");
    queue.state.unreadableKey = "odd";
    const round = queue.newRound();
    await round(live);
    queue.state.unreadableKey = null;
    queue.time.offsetMs += 10_000;
    await round(live);
    expect((await queue.read(id)).fed).toBe(3);
    expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
  });
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

test("lines that what is spent has left no room for end with that as their reason, and the others run", async () => {
  const queue = openLane({ budget: { day: null, month: null, total: 35 } });
  const id = await queue.begin(5);
  const round = queue.newRound();
  // Three lines are reserved at 10 each and cost 7: there is room for a fourth when they have ended, and for no fifth.
  await round(live);
  expect(await queue.lines.open(id)).toHaveLength(3);
  await work(queue, id);
  queue.time.offsetMs = 2_000;
  await round(live);
  expect(await queue.lines.open(id)).toHaveLength(1);
  await work(queue, id);
  queue.time.offsetMs = 4_000;
  await round(live);
  queue.time.offsetMs = 8_000;
  await round(live);
  const results = await queue.results(id);
  expect(results.filter(({ error }) => error?.code === "insufficient_quota").map(({ index }) => index)).toEqual([4]);
  expect(await queue.read(id)).toMatchObject({ completed: 4, failed: 1, ready: true });
});

/** Runs rounds two seconds apart, and what is open of the batches between them, until the batches have nothing more to run. */
async function drawAll(queue: ReturnType<typeof openLane>, ids: string[]): Promise<void> {
  const round = queue.newRound();
  for (let rounds = 0; !(await Promise.all(ids.map(queue.read))).every(({ ready }) => ready); rounds++) {
    expect(rounds).toBeLessThan(30);
    await round(live);
    for (const id of ids) {
      for (const line of await queue.lines.open(id)) {
        await queue.attempts.start(line, laneName);
        await queue.attempts.succeed(line, laneName, 1, delivery, { ...bill, costMicros: 30_000 });
      }
    }
    queue.time.offsetMs += 2_000;
  }
}

test("two batches that fit a budget one after another are drawn whole, the second while the first has it reserved", async () => {
  const queue = openLane({ budget: { day: null, month: null, total: 1_000_000 } });
  const first = await queue.begin(5, "acme", { worst: 189_000 });
  const second = await queue.begin(5, "acme", { worst: 189_000 });
  await drawAll(queue, [first, second]);
  for (const id of [first, second]) expect(await queue.read(id)).toMatchObject({ completed: 5, failed: 0 });
  const account = await queue.redis.hgetall(`${queue.keys.root}account:key`);
  expect(account).toMatchObject({ reserved: "0", total: "300000" });
});

test("a dear line is drawn although cheap ones of a younger batch would take each sum that comes free", async () => {
  const queue = openLane({ budget: { day: null, month: null, total: 1_000_000 } });
  const dear = await queue.begin(2, "acme", { worst: 800_000 });
  const cheap = await queue.begin(5, "acme", { worst: 190_000 });
  const round = queue.newRound();
  await round(live);
  expect(await queue.read(dear)).toMatchObject({ fed: 1 });
  expect(await queue.read(cheap)).toMatchObject({ fed: 0 });
  await drawAll(queue, [dear, cheap]);
  expect(await queue.read(dear)).toMatchObject({ completed: 2, failed: 0 });
  expect(await queue.read(cheap)).toMatchObject({ completed: 5, failed: 0 });
});

test("a batch that waits for reserved money leaves the window to other keys", async () => {
  const queue = openLane({ window: 40, budget: { day: null, month: null, total: 200_000 } });
  const waiting = await queue.begin(100, "acme", { worst: 189_000 });
  const round = queue.newRound();
  await round(live);
  expect(await queue.read(waiting)).toMatchObject({ fed: 1 });
  const other = await queue.begin(39, "other", { worst: 0 }, "key_of_other");
  await round(live);
  expect(await queue.read(other)).toMatchObject({ fed: 39 });
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

test("a batch whose lines alone the store refuses holds up no other, and goes on when it gives them out", async () => {
  const queue = openLane();
  const refused = await queue.begin(3);
  const whole = await queue.begin(3);
  const get = queue.objects.get.bind(queue.objects);
  const chunk = batchObjects("acme", refused).lines(0);
  const reading = vi.spyOn(queue.objects, "get").mockImplementation(async (key) => {
    if (key === chunk) throw new StorageError({ operation: "get", key, retryable: true, advice: "Slow down." });
    return get(key);
  });
  const round = queue.newRound();
  await round(live);
  expect(await queue.read(whole)).toMatchObject({ fed: 3 });
  reading.mockRestore();
  queue.time.offsetMs = 10_000;
  await round(live);
  expect(await queue.read(refused)).toMatchObject({ fed: 3 });
});

test("a store that refuses the lines of all batches is told as such, and they are asked for again at once", async () => {
  const queue = openLane();
  const ids = [await queue.begin(3), await queue.begin(3)];
  const away = new StorageError({ operation: "get", retryable: true, advice: "It is away." });
  vi.spyOn(queue.objects, "get").mockRejectedValueOnce(away).mockRejectedValueOnce(away);
  const round = queue.newRound();
  await expect(round(live)).rejects.toThrow(away);
  await round(live);
  for (const id of ids) expect(await queue.read(id)).toMatchObject({ fed: 3 });
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

test("a key that was given a budget meanwhile buys no line whose price is unknown", async () => {
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

test("a Redis that forgot what was fed is fed the same generations again, which draw over their images", async () => {
  const queue = openLane({ window: 10 });
  const id = await queue.begin(10);
  const round = queue.newRound();
  await round(live);
  const before = await queue.lines.open(id);
  await queue.redis.del(...before.map((line) => queue.keys.record(line)), queue.keys.batchLines(id), queue.keys.queued);
  await queue.redis.hset(queue.keys.batch(id), "fed", 0);
  await round(live);
  expect(before).toHaveLength(10);
  expect((await queue.lines.open(id)).toSorted()).toEqual(before.toSorted());
});

test("what a batch of a day has done is stored by the minute, so that it has not an object for every line", async () => {
  const queue = openLane();
  const id = await queue.begin(30);
  const round = queue.newRound();
  await round(live);
  await work(queue, id, 3);
  const dayAgo = Date.now() - 86_400_000;
  const collectedBefore = (ms: number) =>
    queue.redis.hset(queue.keys.batch(id), { "at:in_progress": dayAgo, collectedAt: Date.now() - ms });
  await collectedBefore(50_000);
  await round(live);
  expect((await queue.read(id)).segments).toBe(0);
  await collectedBefore(60_000);
  await round(live);
  expect(await queue.read(id)).toMatchObject({ segments: 1, completed: 3 });
});

test("a store that fails before or after it has written costs no line and doubles none, and counts only go up", async () => {
  const queue = openLane({ window: 120 });
  const id = await queue.begin(700);
  const put = queue.objects.put.bind(queue.objects);
  let puts = 0;
  vi.spyOn(queue.objects, "put").mockImplementation(async (...args) => {
    puts++;
    if (puts % 3 === 1) throw new Error("the store is away");
    await put(...args);
    if (puts % 3 === 2) throw new Error("its answer was lost");
  });
  let before = { fed: 0, completed: 0, failed: 0, costMicros: 0 };
  for (let rounds = 0; !(await queue.read(id)).ready; rounds++) {
    expect(rounds).toBeLessThan(100);
    await Promise.allSettled([queue.newRound()(live), queue.newRound()(live)]);
    const batch = await queue.read(id);
    expect(batch.completed + batch.failed).toBeLessThanOrEqual(batch.fed);
    for (const name of ["fed", "completed", "failed", "costMicros"] as const) {
      expect(batch[name]).toBeGreaterThanOrEqual(before[name]);
    }
    before = batch;
    await work(queue, id);
  }
  const indexes = (await queue.results(id)).map(({ index }) => index);
  expect(indexes.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 700 }, (_, i) => i));
  expect(await queue.read(id)).toMatchObject({ fed: 700, completed: before.completed, failed: before.failed });
  expect(before.completed + before.failed).toBe(700);
});

test("two rounds that collect at once store the same segment, whatever ends between them", async () => {
  const lane = openLane();
  const id = await lane.begin(3);
  await lane.newRound()(live);
  await work(lane, id, 1);
  const batch = await lane.read(id);
  const collect = (write: (text: string) => Promise<void>) =>
    lane.lines.collect(batch, { most: 200, fewest: 1 }, async ({ text }) => {
      await write(text);
      return "stored";
    });
  const texts: string[] = [];
  await collect(async (first) => {
    texts.push(first);
    await work(lane, id);
    await collect(async (second) => void texts.push(second));
  });
  expect(texts[1]).toBe(texts[0]);
  expect(await lane.read(id)).toMatchObject({ completed: 1, failed: 0, segments: 1 });
});
