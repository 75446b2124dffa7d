import { StorageError } from "@darkroom/storage";
import { describe, expect, test, vi } from "vitest";
import { readJsonLines } from "./read-json-lines.ts";
import { batchObjects } from "./records/batch-objects.ts";
import { lineResultSchema } from "./records/line-result.ts";
import { bill, delivery, lane, live, openLane, windowMs, work } from "./open-lane.fixture.ts";

describe("a batch that is stopped", () => {
  test("by its owner withdraws what no worker runs, lets what runs finish, and feeds no more", async () => {
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

  test.each(["cancelled", "expired"] as const)(
    "and is to be %s delivers what is stored of a line that waits for another attempt, and withdraws one of which nothing is",
    async (outcome) => {
      const queue = openLane({ window: 10 });
      const id = await queue.begin(2);
      const round = queue.newRound();
      await round(live);
      const [bought = "", without = ""] = await queue.lines.open(id);
      const missing = [{ index: 0, code: "server_error" as const, message: "It was lost.", mayHaveCharged: true }];
      for (const line of [bought, without]) await queue.attempts.start(line, lane);
      await queue.attempts.checkpoint(bought, 1, delivery);
      await queue.attempts.checkpoint(without, 1, { ...delivery, images: [] }, missing);
      for (const line of [bought, without]) await queue.attempts.postpone(line, lane, 1, "failures", 0);
      await (outcome === "cancelled" ? queue.batches.cancel(id, lane) : queue.batches.overdue(id, lane));
      await round(live);
      const status = outcome === "cancelled" ? "canceled" : "expired";
      expect(await queue.attempts.start(bought, lane)).toMatchObject({ attempts: 2, halted: status, delivery });
      await queue.attempts.succeed(bought, lane, 2, delivery, bill);
      await round(live);
      expect(await queue.read(id)).toMatchObject({ outcome, ready: true, completed: 1, failed: 1 });
      const ended = new Map((await queue.results(id)).map((line) => [line.generation, line.status]));
      expect([ended.get(bought), ended.get(without)]).toEqual(["succeeded", status]);
    },
  );

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
    // No worker has taken it meanwhile.
    queue.time.offsetMs = 15 * 60_000;
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

  test.each(["cancelled", "expired"] as const)(
    "and is to be %s waits a quarter of an hour for a line that runs, in case that its worker is dead",
    async (outcome) => {
      const queue = openLane({ window: 10 });
      const id = await queue.begin(30);
      const round = queue.newRound();
      await round(live);
      const [running = ""] = await queue.lines.open(id);
      await queue.attempts.start(running, lane);
      if (outcome === "cancelled") await queue.batches.cancel(id, lane);
      const stoppedMs = outcome === "cancelled" ? 0 : windowMs;
      queue.time.offsetMs = stoppedMs + 14 * 60_000;
      await round(live);
      expect(await queue.read(id)).toMatchObject({ outcome, ready: false, failed: 9 });
      queue.time.offsetMs = stoppedMs + 15 * 60_000;
      await round(live);
      expect(await queue.read(id)).toMatchObject({ outcome, ready: true, failed: 10 });
      expect(queue.unbilled).toEqual(["acme key m"]);
      expect(await queue.attempts.succeed(running, lane, 1, delivery, bill)).not.toBe("ok");
    },
  );

  test.each(["cancelled", "expired"] as const)(
    "and is to be %s leaves a line to the worker that holds it, and a bought image to a store that is away",
    async (outcome) => {
      const queue = openLane({ window: 10 });
      const id = await queue.begin(2);
      const round = queue.newRound();
      await round(live);
      const [held = "", waits = ""] = await queue.lines.open(id);
      await queue.attempts.start(held, lane);
      await queue.attempts.start(waits, lane);
      await queue.attempts.checkpoint(waits, 1, delivery);
      await queue.attempts.postpone(waits, lane, 1, "handbacks", 0);
      const lock = `${queue.keys.lanes}:${lane}:${held}:lock`;
      await queue.redis.set(lock, "a worker");
      await (outcome === "cancelled" ? queue.batches.cancel(id, lane) : queue.batches.overdue(id, lane));
      const stoppedMs = outcome === "cancelled" ? 0 : windowMs;
      const away = new StorageError({ operation: "head", retryable: true, advice: "It is away." });
      const heads = vi.spyOn(queue.objects, "head").mockRejectedValue(away);
      queue.time.offsetMs = stoppedMs + 3_600_000;
      await round(live);
      expect(await queue.lines.open(id)).toHaveLength(2);
      heads.mockRestore();
      // The store is back: workers begin what waits.
      for (const minutes of [0, 14]) {
        queue.time.offsetMs = stoppedMs + 3_600_000 + minutes * 60_000;
        await round(live);
        expect((await queue.generations.read(waits))?.status).toBe("queued");
      }
      // None is left.
      queue.time.offsetMs = stoppedMs + 3_600_000 + 15 * 60_000;
      await round(live);
      expect((await queue.generations.read(held))?.status).toBe("running");
      expect(await queue.lines.open(id)).toEqual([held]);
      expect(await queue.attempts.succeed(held, lane, 1, delivery, bill)).toBe("ok");
      await queue.redis.del(lock);
      await round(live);
      expect(await queue.read(id)).toMatchObject({ outcome, ready: true, completed: 1, failed: 1 });
    },
  );

  test.each([
    ["cancelled", "canceled"],
    ["expired", "expired"],
  ] as const)(
    "and is to be %s has no line begun that was not, and nothing bought for one whose worker died",
    async (outcome, status) => {
      const queue = openLane({ window: 10 });
      const id = await queue.begin(2);
      await queue.newRound()(live);
      const [dead = "", unbegun = ""] = await queue.lines.open(id);
      expect(await queue.attempts.start(dead, lane)).toMatchObject({ attempts: 1, halted: null });
      await (outcome === "cancelled" ? queue.batches.cancel(id, lane) : queue.batches.overdue(id, lane));
      expect(await queue.attempts.start(dead, lane)).toMatchObject({ attempts: 2, halted: status });
      expect(await queue.attempts.start(unbegun, lane)).toBe("ended");
      expect(await queue.generations.read(unbegun)).toMatchObject({ status, attempts: 0 });
      expect(await queue.attempts.halt(dead, lane, 2, status)).toBe("ok");
      expect(await queue.generations.read(dead)).toMatchObject({ status });
    },
  );

  test("ends though a line has lost its record: the line counts as failed", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(2);
    const round = queue.newRound();
    await round(live);
    const [lost = ""] = await queue.lines.open(id);
    await queue.redis.del(queue.keys.record(lost));
    await queue.batches.cancel(id, lane);
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "cancelling", ready: true, completed: 0, failed: 2 });
    expect(await queue.results(id)).toHaveLength(1);
  });

  type Damage = (queue: ReturnType<typeof openLane>, line: string) => Promise<unknown>;
  const damages: Record<string, Damage> = {
    "is of another type": async ({ redis, keys }, line) => {
      await redis.del(keys.record(line));
      return redis.set(keys.record(line), "damaged");
    },
    "has a status that no release knows": ({ redis, keys }, line) => redis.hset(keys.record(line), "status", "damaged"),
  };

  test.each(Object.entries(damages))(
    "ends a quarter of an hour later though the record of a line %s: the line counts as failed, and the others are as they ended",
    async (_, damage) => {
      const queue = openLane({ window: 10 });
      const id = await queue.begin(3);
      const round = queue.newRound();
      await round(live);
      const open = await queue.lines.open(id);
      const drawn = open.find((line) => line.endsWith("1")) ?? open[0] ?? "";
      const damaged = open.find((line) => line !== drawn) ?? "";
      await queue.attempts.start(drawn, lane);
      await queue.attempts.succeed(drawn, lane, 1, delivery, bill);
      await damage(queue, damaged);
      await queue.batches.cancel(id, lane);
      queue.time.offsetMs = 14 * 60_000;
      await round(live);
      expect(await queue.read(id)).toMatchObject({ ready: false, completed: 1, failed: 1 });
      queue.time.offsetMs = 16 * 60_000;
      await round(live);
      expect(await queue.read(id)).toMatchObject({ status: "cancelling", ready: true, completed: 1, failed: 2 });
      const { tenant, segments } = await queue.read(id);
      const keys = Array.from({ length: segments }, (_line, segment) => batchObjects(tenant, id).results(segment));
      const read = await Promise.all(keys.map((key) => readJsonLines(queue.objects, key, lineResultSchema)));
      const statuses = read.flat().flatMap((line) => line?.status ?? []);
      expect(statuses.toSorted()).toEqual(["canceled", "succeeded"]);
      expect(await queue.redis.exists(queue.keys.record(damaged), queue.keys.batchLines(id))).toBe(0);
    },
  );

  test("ends though the record of a line was damaged after its ending", async () => {
    const queue = openLane({ window: 10 });
    const id = await queue.begin(3);
    const round = queue.newRound();
    await round(live);
    const [ended = ""] = await queue.lines.open(id);
    await queue.attempts.start(ended, lane);
    await queue.attempts.succeed(ended, lane, 1, delivery, bill);
    await queue.redis.del(queue.keys.record(ended));
    await queue.redis.set(queue.keys.record(ended), "damaged");
    await queue.batches.cancel(id, lane);
    await round(live);
    await round(live);
    queue.time.offsetMs = 16 * 60_000;
    await round(live);
    expect(await queue.read(id)).toMatchObject({ status: "cancelling", ready: true, completed: 0, failed: 3 });
  });

  test("is stopped while the store takes no results of another", async () => {
    const queue = openLane();
    const other = await queue.begin(10, "other");
    const id = await queue.begin(10);
    const round = queue.newRound();
    await round(live);
    await work(queue, other);
    await queue.batches.cancel(id, lane);
    vi.spyOn(queue.objects, "put").mockRejectedValue(new Error("the store is away"));
    await expect(round(live)).rejects.toThrow("the store is away");
    expect(await queue.lines.countEnded(id)).toBe(10);
  });
});
