import { randomBytes } from "node:crypto";
import { connectWorker, readScript } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import * as fc from "fast-check";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";

const redis = connectWorker(testRedisUrl(), () => {});
afterAll(() => redis.disconnect());

const included = new Set<string>();
const fragments = ["admission", "settlement"]
  .map((name) => readScript(new URL(`scripts/${name}.lua`, import.meta.url), included))
  .join("\n");
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

describe("a budget of a day or a month over midnight", () => {
  const midnight = Date.UTC(2026, 11, 1);
  /** A key that may spend ten a day and a month, and a way to spend and to ask. */
  function openBudget() {
    const root = `test-${randomBytes(6).toString("hex")}:`;
    const lua = `
      local time = tonumber(ARGV[2])
      local refused = admit(KEYS[1], 'key', '- - - - ' .. ARGV[3] .. ' - 1 ' .. ARGV[1], time)
      if refused then return refused[2] end
      settle(KEYS[1], 'key', false, tonumber(ARGV[1]), tonumber(ARGV[1]), time)
      return 'spent'`;
    onTestFinished(async () => void (await redis.del(`${root}account:key`)));
    return (time: "day" | "month", micros: number, atMs: number) =>
      run(lua, [root], [micros, atMs, time === "day" ? "10 -" : "- 10"]);
  }

  test.each(["day", "month"] as const)("begins with nothing spent: %s", async (time) => {
    const spend = openBudget();
    expect(await spend(time, 10, midnight - 1)).toBe("spent");
    expect(await spend(time, 1, midnight - 1)).toBe(time);
    expect(await spend(time, 10, midnight)).toBe("spent");
    expect(await spend(time, 1, midnight)).toBe(time);
  });

  test.each(["day", "month"] as const)("is not spent twice where the clock is set back over it: %s", async (time) => {
    const spend = openBudget();
    expect(await spend(time, 6, midnight + 1_000)).toBe("spent");
    expect(await spend(time, 4, midnight - 2_000)).toBe("spent");
    expect(await spend(time, 1, midnight - 1_000)).toBe(time);
    expect(await spend(time, 1, midnight + 1_000)).toBe(time);
  });

  test("does not wait for a clock that was ahead by days", async () => {
    const spend = openBudget();
    await spend("day", 10, midnight + 9 * 86_400_000);
    expect(await spend("day", 10, midnight)).toBe("spent");
  });
});

test("money is counted to the micro up to the most that a budget may be", async () => {
  const root = `test-${randomBytes(6).toString("hex")}:`;
  onTestFinished(async () => void (await redis.del(`${root}account:key`)));
  const lua = `
    local time = tonumber(ARGV[1])
    admit(KEYS[1], 'key', '- - - - - - ' .. ARGV[2] .. ' 1 ' .. ARGV[3], time)
    settle(KEYS[1], 'key', false, tonumber(ARGV[3]), tonumber(ARGV[3]), time)
    local refused = admit(KEYS[1], 'key', '- - - - - - ' .. ARGV[2] .. ' 1 2', time)
    return { refused[2], refused[4] }`;
  const most = 1_000_000_000_000_000;
  expect(await run(lua, [root], [Date.now(), most, most - 1])).toEqual(["total", 1]);
  expect(await redis.hmget(`${root}account:key`, "reserved", "total")).toEqual(["0", "999999999999999"]);
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

  test("tells of two limits that refuse the one that does so for longer", async () => {
    const { admit, close } = openWindow({ requests: 2, images: 5 });
    await admit(start, 1);
    await admit(start + 20_000, 4);
    // A request is free when the first is a minute old, and four images when the second is.
    expect(await admit(start + 30_000, 4)).toBe(50_000);
    expect(await admit(start + 30_000, 1)).toBe(30_000);
    await close();
  });

  test("has nothing left, and not less, of a limit that was lowered below what is used", async () => {
    const root = `test-${randomBytes(6).toString("hex")}:`;
    const lua = `
      admit(KEYS[1], 'key', '- 10 - - - - - 5 -', tonumber(ARGV[1]))
      return admit(KEYS[1], 'key', '- 2 - - - - - 1 -', tonumber(ARGV[1]))`;
    expect(await run(lua, [root], [start])).toEqual(["refused", "images", 60_000, 0, 1, 5, 60_000]);
    await redis.del(`${root}account-window:key`, `${root}account:key`);
  });

  test("is not locked by a clock that is set back: by seconds it counts them longer, by an hour it starts from zero", async () => {
    const { admit, close } = openWindow({ requests: 2, images: "-" });
    await admit(start);
    await admit(start + 1_000);
    expect(await admit(start - 10_000)).toBe(70_000);
    expect(await admit(start + 59_999)).toBe(1);
    const earlier = start - 3_600_000;
    expect([await admit(earlier), await admit(earlier + 1_000)]).toEqual(["admitted", "admitted"]);
    expect(await admit(earlier + 2_000)).toBe(58_000);
    await close();
  });

  test("keeps no more entries than spans of a minute, whatever the limit", async () => {
    const { admit, length, close } = openWindow({ requests: 1_000_000, images: "-" });
    const lua = `for i = 1, 500 do admit(KEYS[1], 'key', ARGV[1], tonumber(ARGV[2]) + i * 13) end`;
    const root = `test-${randomBytes(6).toString("hex")}:`;
    // In pieces: no other client of this Redis gets an answer while a script runs, and after five seconds all get an error.
    for (let piece = 0; piece < 10; piece++) {
      await run(lua, [root], ["1000000 - - - - - - 1 -", start + piece * 500 * 13]);
    }
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
            const toldMs = atMs + Number(answer);
            const isTooSoonBefore = !fits(since(toldMs - 51, 60_000), wanted);
            // More images than the limit fit at no time.
            const isRoomThen = wanted > limit.images || fits(since(toldMs, 60_000), wanted);
            return !fits(since(atMs, 60_050), wanted) && isTooSoonBefore && isRoomThen;
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
