import { randomBytes } from "node:crypto";
import { connectWorker } from "@darkroom/redis";
import { startRedis, testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createRedisKeys } from "./redis-keys.ts";
import { createRequestCounter, type RequestCounter, type RequestCounterOptions } from "./request-counter.ts";

/** Counters of one key's requests, as so many api processes have them. */
function openCounters(processes: number, url = testRedisUrl(), more: Partial<RequestCounterOptions> = {}) {
  const names = createRedisKeys(`test-${randomBytes(6).toString("hex")}`);
  const redis = connectWorker(url, () => {});
  const counters = Array.from({ length: processes }, () => createRequestCounter({ redis, names, ...more }));
  onTestFinished(async () => {
    for (const counter of counters) counter.close();
    if (redis.status === "ready") await redis.del(names.accountRequests("key"));
    redis.disconnect();
  });
  return { counters, redis, window: names.accountRequests("key") };
}

const passes = async (counter: RequestCounter, limit: number) => counter.take("key", limit);
/** The same at once, where no command to Redis is needed; a promise where one is. */
const passesAtOnce = (counter: RequestCounter, limit: number) => counter.take("key", limit);
const passed = (turns: readonly unknown[]) => turns.filter((turn) => turn === null).length;

describe("a limit below 64", () => {
  test("lets through exactly as many as it says, of requests that come to three processes together", async () => {
    const { counters } = openCounters(3);
    const turns = await Promise.all(Array.from({ length: 150 }, (_, i) => passes(counters[i % 3]!, 50)));
    expect(passed(turns)).toBe(50);
    const waits = turns.filter((turn) => turn !== null);
    for (const waitMs of waits) {
      expect(waitMs).toBeGreaterThan(55_000);
      expect(waitMs).toBeLessThanOrEqual(60_050);
    }
  });

  test("says when one more may pass, also where Redis is not asked again", async () => {
    const { counters, redis } = openCounters(1);
    const [counter] = counters;
    expect(await passes(counter!, 1)).toBeNull();
    expect(await passes(counter!, 1)).toBeGreaterThan(55_000);
    const asked = await countCommands(redis, async () => {
      for (let i = 0; i < 100; i++) expect(await passes(counter!, 1)).toBeGreaterThan(55_000);
    });
    expect(asked).toBe(0);
  });

  test("that is raised lets more through at once", async () => {
    const { counters } = openCounters(1);
    const take = async (limit: number) =>
      passed(await Promise.all(Array.from({ length: 9 }, () => passes(counters[0]!, limit))));
    expect(await take(3)).toBe(3);
    expect(await take(5)).toBe(2);
  });
});

describe("a large limit", () => {
  test("lets requests through before Redis has counted them, and counts many with one command", async () => {
    const { counters, redis, window } = openCounters(1, testRedisUrl(), { reportAfterMs: 5 });
    const [counter] = counters;
    await redis.ping();
    const asked = await countCommands(redis, async () => {
      for (let i = 0; i < 900; i++) expect(passesAtOnce(counter!, 60_000)).toBeNull();
      await expect.poll(() => redis.lindex(window, -1)).toMatch(/^\d+ 900 0 /);
    });
    expect(asked).toBeLessThanOrEqual(2);
  });

  test("is exceeded by one in 64 of it at most for each process that has not heard of the others", async () => {
    const limit = 1_280;
    const { counters } = openCounters(4);
    const turns = await Promise.all(Array.from({ length: 4 * limit }, (_, i) => passes(counters[i % 4]!, limit)));
    expect(passed(turns)).toBeGreaterThanOrEqual(limit);
    expect(passed(turns)).toBeLessThanOrEqual(limit + 4 * (limit / 64));
  });

  test("that another process has used up refuses here, too", async () => {
    const { counters } = openCounters(2, testRedisUrl(), { reportAfterMs: 1 });
    const [one, other] = counters;
    while ((await passes(one!, 640)) === null);
    const turns = [];
    // The first are let through unasked, and by then it is known.
    for (let i = 0; i < 30; i++) turns.push(await passes(other!, 640));
    expect(passed(turns)).toBeLessThanOrEqual(10);
    expect(turns.at(-1)).toBeGreaterThan(0);
  });
});

test("bytes of refused bodies are known at once here, and to another process when it counts next", async () => {
  const { counters } = openCounters(2, testRedisUrl(), { reportAfterMs: 1 });
  const [one, other] = counters;
  one!.noteRefused("key", 60_000, 70_000);
  one!.noteRefused("key", 60_000, 30_000);
  expect(one!.useOf("key")).toEqual({ requests: 0, resetMs: 0, refusedBytes: 100_000, forgivenMs: 60_000 });
  await expect
    .poll(async () => {
      await passes(other!, 60_000);
      return other!.useOf("key").refusedBytes;
    })
    .toBe(100_000);
  expect(other!.useOf("key").forgivenMs).toBeGreaterThan(50_000);
});

test("while Redis does not answer, requests are let through", async () => {
  const server = await startRedis();
  const { counters, redis } = openCounters(1, server.url);
  expect(await passes(counters[0]!, 2)).toBeNull();
  redis.disconnect();
  await server.stop();
  expect(passed(await Promise.all([1, 2, 3].map(() => passes(counters[0]!, 2))))).toBe(3);
});

/** How many scripts are sent meanwhile. */
async function countCommands(redis: ReturnType<typeof connectWorker>, work: () => Promise<void>): Promise<number> {
  const scripts = vi.spyOn(redis, "evalsha");
  await work();
  return scripts.mock.calls.length;
}
