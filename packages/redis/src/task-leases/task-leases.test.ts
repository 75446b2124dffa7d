import { startRedis, testRedisUrl } from "@darkroom/testing";
import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createKeys } from "../key-names.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { holdsTaskLease } from "./holds-task-lease.fixture.ts";
import type { OwnedTaskOptions, TaskLease } from "./task-hold.ts";
import { createTaskLeases } from "./task-leases.ts";

const askFence = `${holdsTaskLease} return holds_task_lease(KEYS[1], ARGV[1], ARGV[2]) and 1 or 0`;

/** Workers of one fleet. A lease lasts a second where the test names no other time. */
function openFleet({
  url = testRedisUrl(),
  leaseMs = 1_000,
  maxTickMs = 3_600_000,
}: { url?: string; leaseMs?: number; maxTickMs?: number } = {}) {
  const keys = createKeys(`leases-${randomBytes(6).toString("hex")}`);
  const fenceHolds = async (redis: Awaited<ReturnType<typeof connect>>, { task, fence }: TaskLease) =>
    (await redis.eval(askFence, 1, keys.root, task, fence)) === 1;

  async function connect() {
    const redis = connectWorker(url, () => {});
    onTestFinished(() => redis.disconnect());
    await untilConnected(redis, 5_000);
    return redis;
  }

  /** One worker, and what it has seen of the tasks that it owns. */
  async function join(owns: Partial<OwnedTaskOptions> = {}) {
    const redis = await connect();
    const warnings: object[] = [];
    const log = { warn: (fields: object) => void warnings.push(fields) };
    const leases = createTaskLeases({ redis, keys, log, leaseMs, maxTickMs, renewEveryMs: 50 });
    onTestFinished(() => leases.close());
    /** The latest lease on each part. */
    const seen = new Map<string, TaskLease>();
    const ticks: string[] = [];
    const errors: unknown[] = [];
    const own = (over: Partial<OwnedTaskOptions>) =>
      leases.own({
        kind: "sweep",
        parts: ["0", "1", "2", "3"],
        everyMs: 20,
        tick: async (lease) => {
          seen.set(lease.part, lease);
          ticks.push(lease.part);
        },
        onError: (error) => void errors.push(error),
        ...over,
      });
    return { redis, leases, own, sweep: own(owns), seen, ticks, errors, warnings };
  }

  return { keys, connect, join, fenceHolds };
}

type Worker = Awaited<ReturnType<ReturnType<typeof openFleet>["join"]>>;

const partsOf = (workers: readonly Worker[]) => workers.map(({ sweep }) => sweep.parts().toSorted());
const counts = (workers: readonly Worker[]) => partsOf(workers).map((parts) => parts.length);
const four = ["0", "1", "2", "3"];

/** Waits until the workers hold all four parts, each once and no worker more than its share. */
async function expectShared(workers: readonly Worker[]) {
  const spread = () => Math.max(...counts(workers)) - Math.min(...counts(workers));
  await expect.poll(() => [partsOf(workers).flat().toSorted(), spread() <= 1]).toEqual([four, true]);
}

describe("the tasks of a kind", () => {
  test("are all of the only worker, which ticks them at once and then every so often", async () => {
    const { join } = openFleet();
    const worker = await join();
    await expect.poll(() => worker.ticks.filter((part) => part === "3").length).toBeGreaterThan(2);
    expect(new Set(worker.ticks)).toEqual(new Set(four));
  });

  test("are shared evenly with workers that join, and each is held once", async () => {
    const { join } = openFleet();
    const workers = [await join()];
    await expectShared(workers);
    for (let i = 0; i < 3; i++) {
      workers.push(await join());
      await expectShared(workers);
    }
    expect(counts(workers)).toEqual([1, 1, 1, 1]);
  });

  test("that are not divided are spread over the workers, too", async () => {
    const { join } = openFleet();
    const alone = { parts: ["all"] };
    const workers = [await join(), await join(), await join(), await join()];
    const kinds = workers.map(({ own }) => ["a", "b", "c", "d"].map((kind) => own({ kind, ...alone })));
    const held = () => kinds.map((tasks) => tasks.flatMap((task) => task.parts()).length);
    await expect.poll(held).toEqual([1, 1, 1, 1]);
  });

  test("are of those workers only that can do them", async () => {
    const { join } = openFleet();
    const some = await join({ parts: ["0", "1"] });
    const all = await join();
    await expect
      .poll(() => partsOf([some, all]))
      .toEqual([
        ["0", "1"],
        ["2", "3"],
      ]);
  });

  test("stay where they are while no worker comes or goes", async () => {
    const { join } = openFleet();
    const workers = [await join(), await join(), await join()];
    await expectShared(workers);
    const fences = () => workers.map(({ seen }) => [...seen.values()].map(({ task, fence }) => [task, fence]));
    await expect.poll(() => workers.every(({ ticks }) => ticks.length > 3)).toBe(true);
    for (const { ticks } of workers) ticks.length = 0;
    const before = fences();
    await expect.poll(() => workers.every(({ ticks }) => ticks.length > 30)).toBe(true);
    expect(fences()).toEqual(before);
  });
});

describe("a fleet of more workers than its tasks need", () => {
  test("has four of them take part, and another one when one of these stops or dies", async () => {
    const { join, keys, connect } = openFleet();
    const redis = await connect();
    const workers: Worker[] = [];
    for (let i = 0; i < 7; i++) workers.push(await join());
    const sortedCounts = () => counts(workers).toSorted((a, b) => a - b);
    const takingPart = () => workers.filter(({ sweep }) => sweep.parts().length > 0);
    await expectShared(workers.slice(0, 4));
    expect(await redis.hlen(keys.taskWorkers)).toBe(4);

    await takingPart()[0]?.leases.close();
    await expect.poll(sortedCounts).toEqual([0, 0, 0, 1, 1, 1, 1]);
    takingPart()[0]?.redis.disconnect();
    await expect.poll(sortedCounts).toEqual([0, 0, 0, 1, 1, 1, 1]);
    await expect.poll(() => redis.hlen(keys.taskWorkers)).toBe(4);
  });

  test("has all of them replaced when they die together", async () => {
    const { join } = openFleet();
    const workers: Worker[] = [];
    for (let i = 0; i < 6; i++) workers.push(await join());
    const dying = workers.slice(0, 4);
    await expectShared(dying);
    for (const { redis } of dying) redis.disconnect();
    await expectShared(workers.slice(4));
    expect(counts(workers)).toEqual([0, 0, 0, 0, 2, 2]);
  });

  test("has a worker take part whose tasks fewer than four can do", async () => {
    const { join } = openFleet();
    for (let i = 0; i < 4; i++) await join();
    const worker = await join();
    const special = worker.own({ kind: "special", parts: ["all"] });
    await expect.poll(() => special.parts()).toEqual(["all"]);
  });
});

describe("a worker that stops", () => {
  test("gives its tasks back at once", async () => {
    const { join } = openFleet({ leaseMs: 3_600_000 });
    const first = await join();
    await expectShared([first]);
    const second = await join();
    await expectShared([first, second]);
    await first.leases.close();
    await expect.poll(() => partsOf([second])).toEqual([four]);
  });

  test("gives one kind back, and goes on with the others", async () => {
    const { join } = openFleet({ leaseMs: 3_600_000 });
    const first = await join();
    const other = first.own({ kind: "other", parts: ["all"] });
    await expectShared([first]);
    await first.sweep.close();
    const second = await join();
    await expectShared([second]);
    expect([first.sweep.parts(), other.parts()]).toEqual([[], ["all"]]);
  });

  test("breaks off a tick that is under way, and no other ticks it before that has ended", async () => {
    const { join } = openFleet();
    const { promise: ended, resolve: endTick } = Promise.withResolvers<void>();
    const first = await join({ parts: ["0"], tick: () => ended });
    await expect.poll(() => first.sweep.parts()).toEqual(["0"]);
    const second = await join({ parts: ["0"] });
    let otherTicks = 0;
    second.own({ kind: "other", parts: ["all"], tick: async () => void otherTicks++ });
    const closed = first.leases.close();
    await expect.poll(() => otherTicks).toBeGreaterThan(10);
    expect(second.ticks).toEqual([]);
    endTick();
    await closed;
    await expect.poll(() => second.ticks.length).toBeGreaterThan(0);
  });

  test("does not wait for a Redis that is away", async () => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const { join } = openFleet({ url: server.url });
    const worker = await join();
    await expectShared([worker]);
    await server.stop();
    const beganMs = performance.now();
    await worker.leases.close();
    expect(performance.now() - beganMs).toBeLessThan(4_000);
  });
});

describe("a worker with more than its share", () => {
  test("ends the tick of a part before another worker begins it", async () => {
    const { join } = openFleet();
    const under = new Set<string>();
    const both: string[] = [];
    const tick = async ({ part, signal }: TaskLease) => {
      if (under.has(part)) both.push(part);
      under.add(part);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await new Promise((resolve) => void setTimeout(resolve, 100));
      under.delete(part);
    };
    const workers = [await join({ tick })];
    await expectShared(workers);
    workers.push(await join({ tick }));
    await expect.poll(() => counts(workers)).toEqual([2, 2]);
    expect(both).toEqual([]);
  });
});

describe("a worker that is cut off from Redis", () => {
  test("knows that it has lost its tasks before another has them", async () => {
    const { join, connect, fenceHolds } = openFleet();
    const first = await join();
    await expect.poll(() => first.seen.size).toBe(4);
    const leases = [...first.seen.values()];
    first.redis.disconnect();
    let heldByFirst: boolean[] = [];
    const second = await join({
      tick: async () => void (heldByFirst = leases.map(({ isHeld }) => isHeld())),
    });
    await expectShared([second]);
    await vi.waitFor(() => expect(heldByFirst).toEqual([false, false, false, false]));
    expect(first.sweep.parts()).toEqual([]);
    expect(leases.map(({ signal }): unknown => signal.reason)).toEqual(["lost", "lost", "lost", "lost"]);
    expect(first.warnings).toContainEqual({ tasks: expect.arrayContaining(["sweep:0"]) });

    const redis = await connect();
    expect(await Promise.all(leases.map((lease) => fenceHolds(redis, lease)))).toEqual([false, false, false, false]);
  });

  test("takes part again when it is back", async () => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const { join, keys } = openFleet({ url: server.url });
    const worker = await join();
    await expect.poll(() => worker.seen.size).toBe(4);
    const former = Number(worker.seen.get("0")?.fence);
    await worker.redis.del(keys.taskLeases, keys.taskWorkers);
    await expect.poll(() => Number(worker.seen.get("0")?.fence)).toBeGreaterThan(former);
    await expectShared([worker]);
  });

  test("does not begin a task again whose former tick still goes on; another worker does", async () => {
    const { join, keys, connect } = openFleet();
    let begun = 0;
    const { promise: ended, resolve: endTick } = Promise.withResolvers<void>();
    const stuck = await join({ parts: ["0"], tick: () => (begun++, ended) });
    await expect.poll(() => begun).toBe(1);
    const redis = await connect();
    await redis.del(keys.taskLeases);
    await expect.poll(() => stuck.sweep.parts()).toEqual([]);
    const second = await join({ parts: ["0"] });
    await expect.poll(() => second.ticks.length).toBeGreaterThan(3);
    expect(begun).toBe(1);
    endTick();
  });
});

test("the fence of a task is its holder's until another worker holds it", async () => {
  const { join, fenceHolds, connect } = openFleet({ leaseMs: 3_600_000 });
  const redis = await connect();
  const first = await join({ parts: ["0"] });
  await expect.poll(() => first.seen.size).toBe(1);
  const [lease] = first.seen.values();
  expect(lease && (await fenceHolds(redis, lease))).toBe(true);
  await first.leases.close();
  expect(lease && (await fenceHolds(redis, lease))).toBe(true);
  const second = await join({ parts: ["0"] });
  await expect.poll(() => second.seen.size).toBe(1);
  expect(lease && (await fenceHolds(redis, lease))).toBe(false);
});

test("what a tick throws is told, and the next one comes", async () => {
  const { join } = openFleet();
  let ticks = 0;
  const worker = await join({ parts: ["0"], tick: () => Promise.reject(new Error(`tick ${++ticks}`)) });
  await expect.poll(() => worker.errors.length).toBeGreaterThan(2);
  expect(worker.errors[0]).toEqual(new Error("tick 1"));
});

test("a task whose ticks fail in one worker alone goes to another", async () => {
  const fleet = openFleet();
  const broken = await fleet.join({
    parts: ["0"],
    everyMs: 5,
    maxPauseMs: 5,
    tick: async () => Promise.reject(new Error("The store is away from here.")),
  });
  await expect.poll(() => broken.errors.length).toBeGreaterThan(0);
  const whole = await fleet.join({ parts: ["0"] });
  await expect.poll(() => whole.ticks.length).toBeGreaterThan(1);
  expect(broken.sweep.parts()).toEqual([]);
});

test("a worker whose ticks fail and that is alone tries again, and keeps the task when they succeed", async () => {
  const { join } = openFleet();
  let failures = 3;
  const tick = async () => {
    if (failures-- > 0) throw new Error("The store is away.");
  };
  const worker = await join({ parts: ["0"], everyMs: 5, maxPauseMs: 5, tick });
  await expect.poll(() => worker.errors.length).toBe(3);
  await expect.poll(() => worker.sweep.parts()).toEqual([]);
  await expect.poll(() => failures).toBeLessThan(-10);
  expect([worker.sweep.parts(), worker.errors.length]).toEqual([["0"], 3]);
});

describe("a tick that takes longer than it may", () => {
  test("and hangs: another worker has the task, also where it was to yield, and this one takes it no more", async () => {
    const { join } = openFleet({ maxTickMs: 300 });
    const signals: AbortSignal[] = [];
    const hanging = await join({
      tick: ({ signal }) => {
        signals.push(signal);
        return new Promise<void>(() => {});
      },
    });
    await expect.poll(() => signals.length).toBe(4);
    // Two of the four are its part, and hang, too.
    const whole = await join();
    await expect.poll(() => partsOf([hanging, whole])).toEqual([[], four]);
    await expect.poll(() => new Set(whole.ticks).size).toBe(4);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
    expect(hanging.warnings.filter((fields) => "tickMs" in fields)).toHaveLength(4);
  });

  test("and ends when it is told to goes on in a turn of its own", async () => {
    const { join } = openFleet({ maxTickMs: 100 });
    const fences: string[] = [];
    const tick = async ({ fence, signal }: TaskLease) => {
      fences.push(fence);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    const worker = await join({ parts: ["0"], tick });
    await expect.poll(() => new Set(fences).size).toBeGreaterThan(3);
    expect([worker.warnings, worker.errors]).toEqual([[], []]);
  });
});

test("a renewal is one call to Redis, however many tasks there are", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const { join } = openFleet({ url: server.url });
  const parts = Array.from({ length: 200 }, (_, i) => `${i}`);
  const worker = await join({ parts, tick: async () => {} });
  await expect.poll(() => worker.sweep.parts().length).toBe(200);
  await worker.redis.config("RESETSTAT");
  let stats = "";
  const callsOf = (command: string) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  await expect
    .poll(async () => (stats = await worker.redis.info("commandstats")) && callsOf("evalsha"))
    .toBeGreaterThan(5);
  // The script's own: the leases, and that the worker is there.
  expect(callsOf("hset")).toBeLessThanOrEqual(callsOf("evalsha") * 2);
});

test("leases are renewed and taken in a Redis at its memory limit", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const { join, connect } = openFleet({ url: server.url });
  const redis = await connect();
  await redis.config("SET", "maxmemory", 1);
  const worker = await join();
  await expectShared([worker]);
  await expect(redis.set("x", "y")).rejects.toThrow("OOM");
  worker.ticks.length = 0;
  await expect.poll(() => worker.ticks.length).toBeGreaterThan(200);
  expect(worker.warnings).toEqual([]);
});
