import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { createTicker, type TickerOptions } from "./ticker.ts";

const open = (options: Pick<TickerOptions, "tick"> & Partial<TickerOptions>) => {
  const ticker = createTicker({ everyMs: 1_000, onError: () => {}, random: () => 0, ...options });
  onTestFinished(() => ticker.close());
  return ticker;
};

beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

/** A tick that fails or not, and the times at which it was had, in seconds from now. */
function openTicks(options: Partial<TickerOptions> = {}) {
  const beganMs = Date.now();
  const atSeconds: number[] = [];
  let fault: Error | undefined;
  const errors: unknown[] = [];
  const tick = async () => {
    atSeconds.push((Date.now() - beganMs) / 1_000);
    if (fault !== undefined) throw fault;
  };
  const ticker = open({ tick, onError: (error) => errors.push(error), ...options });
  const fail = (error: Error | undefined) => void (fault = error);
  return { ticker, atSeconds, errors, fail };
}

test("a tick is had every so often", async () => {
  const { atSeconds } = openTicks();
  await vi.advanceTimersByTimeAsync(3_500);
  expect(atSeconds).toEqual([1, 2, 3]);
});

describe("a tick that fails", () => {
  test("is told, and had again after pauses that grow to half a minute", async () => {
    const { atSeconds, errors, fail } = openTicks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(125_000);
    expect(atSeconds).toEqual([1, 3, 7, 15, 31, 61, 91, 121]);
    expect(errors).toHaveLength(8);
  });

  test("is had again after pauses that grow to what a caller can bear", async () => {
    const { atSeconds, fail } = openTicks({ maxPauseMs: 3_000 });
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(atSeconds).toEqual([1, 3, 6, 9]);
  });

  test("is never had more often than one that succeeds", async () => {
    const { atSeconds, fail } = openTicks({ everyMs: 60_000 });
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(180_000);
    expect(atSeconds).toEqual([60, 120, 180]);
  });

  test("is forgotten when one has succeeded", async () => {
    const { atSeconds, fail } = openTicks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(4_000);
    fail(undefined);
    await vi.advanceTimersByTimeAsync(5_500);
    expect(atSeconds).toEqual([1, 3, 7, 8, 9]);
  });

  test("is had again at once when it is woken", async () => {
    const { ticker, atSeconds, fail } = openTicks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(20_000);
    fail(undefined);
    ticker.wake();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(atSeconds).toEqual([1, 3, 7, 15, 20, 21]);
  });
});

test("a thousand ticks that fail leave one timer, and none when the loop is closed", async () => {
  const { ticker, errors, fail } = openTicks();
  fail(new Error("away"));
  await vi.advanceTimersByTimeAsync(1_001 * 30_000);
  expect(errors.length).toBeGreaterThan(1_000);
  expect(vi.getTimerCount()).toBe(1);
  await ticker.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("ticks never overlap, and closing waits for the one under way", async () => {
  let underWay = 0;
  let most = 0;
  const slow = Promise.withResolvers<void>();
  const tick = async () => {
    most = Math.max(most, ++underWay);
    await slow.promise;
    underWay--;
  };
  const ticker = open({ tick });
  await vi.advanceTimersByTimeAsync(5_000);
  ticker.wake();
  const closed = ticker.close();
  slow.resolve();
  await closed;
  await vi.advanceTimersByTimeAsync(5_000);
  expect([underWay, most]).toEqual([0, 1]);
});

test("a tick that is woken while it is under way is followed by another at once", async () => {
  let begun = 0;
  const slow = Promise.withResolvers<void>();
  const ticker = open({
    tick: () => {
      begun++;
      return slow.promise;
    },
  });
  await vi.advanceTimersByTimeAsync(1_000);
  ticker.wake();
  slow.resolve();
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toBe(2);
});

test("closing does not wait for a tick that may never end", async () => {
  const ticker = createTicker({ everyMs: 1_000, tick: () => new Promise<void>(() => {}), onError: () => {} });
  await vi.advanceTimersByTimeAsync(1_000);
  const closed = ticker.close();
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(closed).resolves.toBeUndefined();
});

test.each(Array.from({ length: 12 }, (_, turns) => turns))(
  "a tick is followed by another when it is woken %d turns after it began",
  async (turns) => {
    let ticks = 0;
    async function wakeAfter(left: number): Promise<void> {
      for (let turn = 0; turn < left; turn++) await Promise.resolve();
      ticker.wake();
    }
    const ticker = open({
      tick: async () => {
        if (++ticks === 1) void wakeAfter(turns);
      },
    });
    ticker.wake();
    // Less than the pause after a tick.
    await vi.advanceTimersByTimeAsync(500);
    expect(ticks).toBe(2);
  },
);
