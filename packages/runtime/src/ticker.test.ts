import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { repeat, type RepeatOptions } from "./ticker.ts";

const open = (options: Pick<RepeatOptions, "look"> & Partial<RepeatOptions>) => {
  const repetition = repeat({ everyMs: 1_000, onError: () => {}, random: () => 0, ...options });
  onTestFinished(() => repetition.close());
  return repetition;
};

beforeEach(() => {
  vi.useFakeTimers();
  return () => void vi.useRealTimers();
});

/** A look that fails or not, and the times at which it was had, in seconds from now. */
function openLooks(options: Partial<RepeatOptions> = {}) {
  const beganMs = Date.now();
  const atSeconds: number[] = [];
  let fault: Error | undefined;
  const errors: unknown[] = [];
  const look = async () => {
    atSeconds.push((Date.now() - beganMs) / 1_000);
    if (fault !== undefined) throw fault;
  };
  const repetition = open({ look, onError: (error) => errors.push(error), ...options });
  const fail = (error: Error | undefined) => void (fault = error);
  return { repetition, atSeconds, errors, fail };
}

test("a look is had every so often", async () => {
  const { atSeconds } = openLooks();
  await vi.advanceTimersByTimeAsync(3_500);
  expect(atSeconds).toEqual([1, 2, 3]);
});

describe("a look that fails", () => {
  test("is told, and had again after pauses that grow to half a minute", async () => {
    const { atSeconds, errors, fail } = openLooks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(125_000);
    expect(atSeconds).toEqual([1, 3, 7, 15, 31, 61, 91, 121]);
    expect(errors).toHaveLength(8);
  });

  test("is had again after pauses that grow to what a caller can bear", async () => {
    const { atSeconds, fail } = openLooks({ maxPauseMs: 3_000 });
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(atSeconds).toEqual([1, 3, 6, 9]);
  });

  test("is never had more often than one that succeeds", async () => {
    const { atSeconds, fail } = openLooks({ everyMs: 60_000 });
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(180_000);
    expect(atSeconds).toEqual([60, 120, 180]);
  });

  test("is forgotten when one has succeeded", async () => {
    const { atSeconds, fail } = openLooks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(4_000);
    fail(undefined);
    await vi.advanceTimersByTimeAsync(5_500);
    expect(atSeconds).toEqual([1, 3, 7, 8, 9]);
  });

  test("is had again at once when it is woken", async () => {
    const { repetition, atSeconds, fail } = openLooks();
    fail(new Error("away"));
    await vi.advanceTimersByTimeAsync(20_000);
    fail(undefined);
    repetition.wake();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(atSeconds).toEqual([1, 3, 7, 15, 20, 21]);
  });
});

test("a thousand looks that fail leave one timer, and none when the loop is closed", async () => {
  const { repetition, errors, fail } = openLooks();
  fail(new Error("away"));
  await vi.advanceTimersByTimeAsync(1_001 * 30_000);
  expect(errors.length).toBeGreaterThan(1_000);
  expect(vi.getTimerCount()).toBe(1);
  await repetition.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("looks never overlap, and closing waits for the one under way", async () => {
  let underWay = 0;
  let most = 0;
  const slow = Promise.withResolvers<void>();
  const look = async () => {
    most = Math.max(most, ++underWay);
    await slow.promise;
    underWay--;
  };
  const repetition = open({ look });
  await vi.advanceTimersByTimeAsync(5_000);
  repetition.wake();
  const closed = repetition.close();
  slow.resolve();
  await closed;
  await vi.advanceTimersByTimeAsync(5_000);
  expect([underWay, most]).toEqual([0, 1]);
});

test("a look that is woken while it is under way is followed by another at once", async () => {
  let begun = 0;
  const slow = Promise.withResolvers<void>();
  const repetition = open({
    look: () => {
      begun++;
      return slow.promise;
    },
  });
  await vi.advanceTimersByTimeAsync(1_000);
  repetition.wake();
  slow.resolve();
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toBe(2);
});

test("closing does not wait for a look that may never end", async () => {
  const repetition = repeat({ everyMs: 1_000, look: () => new Promise<void>(() => {}), onError: () => {} });
  await vi.advanceTimersByTimeAsync(1_000);
  const closed = repetition.close();
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(closed).resolves.toBeUndefined();
});
