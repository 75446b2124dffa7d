import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { accountScripts } from "./account-scripts.ts";

const redis = connectWorker(testRedisUrl(), () => {});
afterAll(() => redis.disconnect());

const fragments = accountScripts.admission.map((file) => readFileSync(file, "utf8")).join("\n");
/** Runs a piece of Lua on top of the fragments, at whatever time it says. */
const run = (lua: string, keys: string[], args: (string | number)[]): Promise<unknown> =>
  redis.eval(`${fragments}\n${lua}`, keys.length, ...keys, ...args);

describe("the calendar", () => {
  const calendar = (ms: number) => run("return calendar(tonumber(ARGV[1]))", [], [ms]);

  test("agrees with that of JavaScript on every day, leap years and centuries included", async () => {
    const time = fc.integer({ min: 0, max: Date.UTC(2400, 0, 1) });
    await fc.assert(
      fc.asyncProperty(time, async (ms) => {
        expect(await calendar(ms)).toBe(new Date(ms).toISOString().slice(0, 10));
      }),
      { numRuns: 300 },
    );
  });

  test.each(["2026-12-31T23:59:59.999Z", "2024-02-29T12:00:00.000Z", "2100-02-28T23:00:00.000Z"])(
    "knows at %s how long day and month last",
    async (text) => {
      const now = new Date(text);
      const [day, month] = [now.getUTCDate(), now.getUTCMonth()];
      const tomorrow = Date.UTC(now.getUTCFullYear(), month, day + 1) - now.getTime();
      const nextMonth = Date.UTC(now.getUTCFullYear(), month + 1, 1) - now.getTime();
      const lua = "local ms = tonumber(ARGV[1]) return { until_tomorrow(ms), until_next_month(ms) }";
      expect(await run(lua, [], [now.getTime()])).toEqual([tomorrow, nextMonth]);
    },
  );
});

describe("the window of a minute", () => {
  const admitLua = `
    local refused = admit(KEYS[1], 'key', ARGV[1], tonumber(ARGV[2]))
    return refused and refused[3] or 'admitted'`;

  /** A key of its own whose admissions are asked for at any time. */
  function openWindow({ requests, images }: { requests: number | "-"; images: number | "-" }) {
    const root = `test-${randomBytes(6).toString("hex")}:`;
    return {
      /** 'admitted', or the milliseconds to wait. */
      admit: (atMs: number, wanted = 1) => run(admitLua, [root], [`${requests} ${images} - - - - - ${wanted} -`, atMs]),
      length: () => redis.llen(`${root}account-window:key`),
      close: () => redis.del(`${root}account-window:key`, `${root}account:key`),
    };
  }

  const start = Date.UTC(2026, 10, 22, 12);

  test("admits exactly its limit at once, and the next when the first is a minute old", async () => {
    const { admit, close } = openWindow({ requests: 100, images: "-" });
    const answers = [];
    for (let i = 0; i < 100; i++) answers.push(await admit(start + i * 100));
    expect(new Set(answers)).toEqual(new Set(["admitted"]));
    expect(await admit(start + 10_000)).toBe(50_000);
    expect(await admit(start + 59_999)).toBe(1);
    expect(await admit(start + 60_000)).toBe("admitted");
    expect(await admit(start + 60_000)).toBe(100);
    await close();
  });

  test("keeps no more entries than spans of a minute, whatever the limit", async () => {
    const { admit, length, close } = openWindow({ requests: 1_000_000, images: "-" });
    const lua = `for i = 1, 5000 do admit(KEYS[1], 'key', ARGV[1], tonumber(ARGV[2]) + i * 13) end`;
    const root = `test-${randomBytes(6).toString("hex")}:`;
    await run(lua, [root], ["1000000 - - - - - - 1 -", start]);
    expect(await redis.llen(`${root}account-window:key`)).toBeLessThanOrEqual(1_202);
    await redis.del(`${root}account-window:key`, `${root}account:key`);
    await admit(start);
    expect(await length()).toBe(2);
    await close();
  });

  test("never admits more than its limit in any minute, never refuses what is a span below it, and says how long to wait", async () => {
    const call = fc.record({ pauseMs: fc.nat(8_000), wanted: fc.integer({ min: 1, max: 4 }) });
    const limits = fc.record({ requests: fc.integer({ min: 1, max: 8 }), images: fc.integer({ min: 4, max: 14 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 20, maxLength: 60 }), limits, async (calls, limit) => {
        const { admit, close } = openWindow(limit);
        const admitted: { atMs: number; wanted: number }[] = [];
        /** What was admitted in the last `spanMs` before a time. */
        const since = (atMs: number, spanMs: number) => {
          const recent = admitted.filter((one) => one.atMs > atMs - spanMs);
          return { requests: recent.length, images: recent.reduce((sum, one) => sum + one.wanted, 0) };
        };
        const fits = (used: { requests: number; images: number }, wanted: number) =>
          used.requests + 1 <= limit.requests && used.images + wanted <= limit.images;

        /** Asks once, and answers whether the rules allow what came of it. */
        async function isRight(atMs: number, wanted: number): Promise<boolean> {
          const answer = await admit(atMs, wanted);
          if (answer !== "admitted") {
            // Refused: there was no room, nor is there until shortly before the time that was told.
            const tooSoonMs = atMs + Number(answer) - 51;
            return !fits(since(atMs, 60_050), wanted) && !fits(since(tooSoonMs, 60_000), wanted);
          }
          const right = fits(since(atMs, 60_000), wanted);
          admitted.push({ atMs, wanted });
          return right;
        }

        let atMs = start;
        for (const { pauseMs, wanted } of calls) {
          atMs += pauseMs;
          expect(await isRight(atMs, wanted), `${wanted} at ${atMs - start} ms`).toBe(true);
        }
        await close();
      }),
      { numRuns: 100 },
    );
  });
});
