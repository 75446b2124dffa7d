import { scaleLane } from "@darkroom/queue";
import { assert, boolean, double, integer, option, pre, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { assumptionsOf } from "./assumptions.ts";
import { bottlenecksOf, mostImagesPerSecond } from "./bottlenecks.ts";
import { cellsFor } from "./cells-for.ts";
import { costs } from "./costs.ts";
import { defaultLoad, type Load } from "./load.ts";
import { planCapacity } from "./plan-capacity.ts";
import { planRedis } from "./plan-redis.ts";

const load = (over: Partial<Load> = {}): Load => ({
  ...defaultLoad,
  imagesPerSecond: 50,
  serviceSeconds: 20,
  ...over,
});

describe("workers", () => {
  test("are as many as Little's law asks for, with a fifth of their slots free", () => {
    const { callsAtATime, workers } = planCapacity(load());
    expect(callsAtATime).toBe(1_000);
    // 1,000 calls, 16 of the 20 slots of a worker.
    expect(workers).toMatchObject({ count: 63, slots: 1_260, decidedBy: "calls at a time" });
  });

  test("are as many as darkroom_workers_desired asks for while the load lasts", () => {
    const rates = double({ min: 0.1, max: 500, noNaN: true });
    assert(
      property(rates, integer({ min: 1, max: 90 }), integer({ min: 1, max: 250 }), (rate, seconds, concurrency) => {
        const plan = planCapacity(
          load({ imagesPerSecond: rate, serviceSeconds: seconds, concurrency, imageBytes: 1_000 }),
        );
        pre(plan.workers.decidedBy === "calls at a time");
        const { workersDesired } = scaleLane({
          figures: { waiting: 0, active: plan.callsAtATime, paused: false, isLimited: false, acceptedPerSecond: 0 },
          service: { concurrency, serviceMs: seconds * 1_000 },
          horizonMs: 30_000,
        });
        expect(Math.abs(plan.workers.count - workersDesired)).toBeLessThanOrEqual(1e-9 * workersDesired);
      }),
    );
  });

  test("are no fewer than their CPU time asks for, where calls are short and images large", () => {
    const { workers } = planCapacity(load({ serviceSeconds: 0.1, imageBytes: 10e6 }));
    expect(workers.decidedBy).toBe("CPU");
    expect(workers.count).toBe(Math.ceil(workers.cores / costs.usedShareOfCore));
  });

  test("follow the peak, and what is kept follows the mean", () => {
    const [mean, peak] = [planCapacity(load()), planCapacity(load({ peakFactor: 3 }))];
    expect(peak.callsAtATime).toBe(3 * mean.callsAtATime);
    expect(peak.workers.count).toBe(188);
    expect(peak.redis.memory.ended).toBe(mean.redis.memory.ended);
    expect(peak.store.bytes).toBe(mean.store.bytes);
  });

  test("are fewer for generations of several images, which one call brings", () => {
    expect(planCapacity(load({ imagesPerGeneration: 4 })).callsAtATime).toBe(250);
  });
});

describe("apis", () => {
  test("are two for a small load, and more where more callers wait than they may hold", () => {
    expect(planCapacity(load({ imagesPerSecond: 1 })).apis).toMatchObject({ count: 2, heldRequests: 20 });
    const many = planCapacity(load({ imagesPerSecond: 500, base64Share: 0 })).apis;
    // 10,000 callers, 3,200 of the 4,000 that each may hold.
    expect(many).toMatchObject({ count: 4, decidedBy: "held requests" });
  });

  test("hold nothing where no caller waits", () => {
    expect(planCapacity(load({ waitingShare: 0 })).apis.heldRequests).toBe(0);
  });

  test("take CPU time for base64", () => {
    const cores = (base64Share: number) => planCapacity(load({ base64Share })).apis.cores;
    expect(cores(1) - cores(0)).toBeCloseTo(50 * 2e6 * costs.api.cpuSecondsPerBase64Byte, 9);
  });
});

describe("Redis", () => {
  test("keeps what docs/redis.md says of a million generations a day", () => {
    const { redis } = planCapacity(load({ imagesPerSecond: 1e6 / 86_400, idempotencyKeyShare: 1 }));
    expect(redis.memory.ended / 1e9).toBeCloseTo(1.05, 2);
    expect((redis.memory.ended + redis.memory.idempotencyKeys) / 1e9).toBeCloseTo(1.3, 2);
    expect(redis.memory.tombstones / 1e9).toBeCloseTo(0.3, 1);
  });

  test("is planned with twice the memory, and the sum of its parts", () => {
    const { redis } = planCapacity(load());
    expect(redis.maxmemoryBytes).toBe(2 * redis.memoryBytes);
    expect(redis.commandsPerSecond).toBeCloseTo(
      Object.values(redis.commands).reduce((sum, each) => sum + each, 0),
      6,
    );
  });

  test("is asked for webhooks where there are any", () => {
    const of = (hasWebhooks: boolean) => planCapacity(load({ hasWebhooks })).redis.commandsPerSecond;
    expect(of(true) - of(false)).toBeCloseTo(50 * costs.redis.commandsPerWebhook, 6);
  });

  test("is asked by a fleet that has nothing to do for no more than 51 says", () => {
    const users = { generationsPerSecond: 0, meanPerSecond: 0, workers: 16, apis: 1 };
    expect(planRedis(load(), users).commandsPerSecond).toBeLessThan(160);
  });
});

describe("the first bottleneck", () => {
  test("is the memory of Redis where a day is kept, and its CPU where an hour is", () => {
    expect(bottlenecksOf(planCapacity(load()))[0].name).toBe("Redis memory");
    const short = load({ retentionSeconds: 600, tombstoneSeconds: 3_600, base64Share: 0 });
    expect(bottlenecksOf(planCapacity(short))[0].name).toBe("Redis CPU");
  });

  test("is the upstream where its limit is lower than the load, which more cells do not change", () => {
    const limited = load({ upstreamImagesPerSecond: 10 });
    expect(bottlenecksOf(planCapacity(limited))[0]).toMatchObject({
      name: "upstream",
      usedShare: 5,
    });
    expect(mostImagesPerSecond(limited, "upstream")).toBeCloseTo(10, 6);
    expect(cellsFor(limited)?.cells).toBe(1);
  });

  test.each(["Redis memory", "Redis CPU", "Redis connections", "object store"] as const)(
    "is used up at the rate that is named: %s",
    (name) => {
      const most = mostImagesPerSecond(load(), name);
      const usedAt = (imagesPerSecond: number) =>
        bottlenecksOf(planCapacity(load({ imagesPerSecond }))).find((one) => one.name === name)?.usedShare ?? 0;
      expect(usedAt(most)).toBeLessThanOrEqual(1);
      expect(usedAt(most * 1.01)).toBeGreaterThan(1);
    },
  );
});

describe("cells", () => {
  test("are one where one Redis is enough, and the fewest otherwise", () => {
    expect(cellsFor(load())?.cells).toBe(1);
    const large = load({ imagesPerSecond: 10_000, retentionSeconds: 3_600, tombstoneSeconds: 86_400 });
    const found = cellsFor(large);
    const cells = found?.cells ?? 0;
    expect(cells).toBeGreaterThan(4);
    const overused = (count: number) =>
      bottlenecksOf(planCapacity({ ...large, imagesPerSecond: 10_000 / count })).filter(
        ({ usedShare, growsWithCells }) => growsWithCells && usedShare > 1,
      );
    expect(overused(cells)).toEqual([]);
    expect(overused(cells - 1)).not.toEqual([]);
  });

  test("are none where the memory of Redis is too small for any", () => {
    expect(cellsFor(load({ redisMachineBytes: 1e6 }))).toBeNull();
  });
});

describe("assumptions", () => {
  test("are the retention first where memory is the bottleneck, behind the rate", () => {
    const [rate, first] = assumptionsOf(load());
    expect(rate.name).toBe("imagesPerSecond");
    expect(first?.name).toBe("retentionSeconds");
  });

  test("are the service time first by the workers that it takes, where it moves no bottleneck", () => {
    const [, first] = assumptionsOf(load({ upstreamImagesPerSecond: 10 }));
    expect(first).toMatchObject({ name: "serviceSeconds", bottleneck: 1 });
    expect(first?.workers).toBeCloseTo(2, 1);
  });
});

test("every load within the bounds of the command has a finite plan", () => {
  const loads = record({
    imagesPerSecond: double({ min: 1e-6, max: 1e6, noNaN: true }),
    peakFactor: double({ min: 1, max: 100, noNaN: true }),
    imagesPerGeneration: double({ min: 1, max: 10, noNaN: true }),
    serviceSeconds: double({ min: 0.001, max: 3_600, noNaN: true }),
    imageBytes: double({ min: 1e3, max: 1e8, noNaN: true }),
    retentionSeconds: double({ min: 1, max: 400 * 86_400, noNaN: true }),
    tombstoneSeconds: double({ min: 1, max: 400 * 86_400, noNaN: true }),
    concurrency: integer({ min: 1, max: 10_000 }),
    waitingShare: double({ min: 0, max: 1, noNaN: true }),
    base64Share: double({ min: 0, max: 1, noNaN: true }),
    idempotencyKeyShare: double({ min: 0, max: 1, noNaN: true }),
    hasWebhooks: boolean(),
    upstreamImagesPerSecond: option(double({ min: 1e-6, max: 1e6, noNaN: true })),
    redisMachineBytes: double({ min: 1e6, max: 1e13, noNaN: true }),
  });
  assert(
    property(loads, (any) => {
      const plan = planCapacity(any);
      expect(plan.workers.count).toBeGreaterThanOrEqual(1);
      expect(Number.isFinite(plan.workers.meanWaitForSlotSeconds)).toBe(true);
      expect(Number.isFinite(plan.redis.memoryBytes + plan.redis.commandsPerSecond + plan.redis.coreShare)).toBe(true);
      expect(cellsFor(any)?.cells ?? 1).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 200 },
  );
});
