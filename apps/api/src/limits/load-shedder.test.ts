import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { createLoadShedder, type LoadShedderOptions } from "./load-shedder.ts";

/** As much of an answer as is looked at. */
function newResponse() {
  const emitter = new EventEmitter();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only its close is looked at
  const response = Object.assign(emitter, { closed: false }) as unknown as ServerResponse;
  const close = () => {
    Object.assign(response, { closed: true });
    emitter.emit("close");
  };
  return { response, close };
}

const open = (more: Partial<LoadShedderOptions> = {}) =>
  createLoadShedder({ maxHeldRequests: 10, isOverloaded: () => false, maxSubmitting: 2, random: () => 0.5, ...more });

const refusal = expect.objectContaining({ code: "overloaded", retryable: true, retryAfterMs: 3_000 });

describe("requests in hand", () => {
  test("are refused above their number, until one is answered", () => {
    const shedder = open({ maxHeldRequests: 2 });
    const first = newResponse();
    expect([shedder.hold(first.response), shedder.hold(newResponse().response)]).toEqual([true, true]);
    expect(shedder.hold(newResponse().response)).toBe(false);
    expect(() => shedder.holdOrRefuse(newResponse().response)).toThrow(refusal);
    first.close();
    expect(shedder.held).toBe(1);
    expect(shedder.hold(newResponse().response)).toBe(true);
  });

  test("are refused while the process is overloaded", () => {
    let overloaded = true;
    const shedder = open({ isOverloaded: () => overloaded });
    expect(() => shedder.holdOrRefuse(newResponse().response)).toThrow(refusal);
    overloaded = false;
    shedder.holdOrRefuse(newResponse().response);
  });

  test("whose caller has gone take no place for ever", () => {
    const shedder = open();
    const gone = newResponse();
    gone.close();
    expect([shedder.hold(gone.response), shedder.held]).toEqual([false, 0]);
  });

  test.each([
    [0, 1_000],
    [0.25, 2_000],
    [1, 5_000],
  ])("come back at different times: chance %d, after %d ms", (chance, afterMs) => {
    const shedder = open({ maxHeldRequests: 0, random: () => chance });
    const told = expect.objectContaining({ retryAfterMs: afterMs });
    expect(() => shedder.holdOrRefuse(newResponse().response)).toThrow(told);
  });
});

describe("submissions", () => {
  /** One that ends when it is told to. */
  function begin(shedder: ReturnType<typeof open>, response = newResponse()) {
    const ending = Promise.withResolvers<void>();
    const submit = vi.fn<() => Promise<void>>(() => ending.promise);
    const done = shedder.inTurn(response.response, submit);
    done.catch(() => {});
    return { ...response, submit, done, end: () => ending.resolve(), fail: () => ending.reject(new Error("away")) };
  }

  test("go two at a time, and the others follow in their order", async () => {
    const shedder = open();
    const all = [1, 2, 3, 4].map(() => begin(shedder));
    const begun = () => all.map(({ submit }) => submit.mock.calls.length);
    await expect.poll(begun).toEqual([1, 1, 0, 0]);
    all[1]?.end();
    await expect.poll(begun).toEqual([1, 1, 1, 0]);
    all[0]?.end();
    await expect.poll(begun).toEqual([1, 1, 1, 1]);
  });

  test("that fail end their turn, too", async () => {
    const shedder = open({ maxSubmitting: 1 });
    const [first, second] = [begin(shedder), begin(shedder)];
    first.fail();
    await expect(first.done).rejects.toThrow("away");
    second.end();
    await second.done;
    expect(second.submit).toHaveBeenCalledTimes(1);
  });

  test("whose caller leaves before their turn let the next one pass", async () => {
    const shedder = open({ maxSubmitting: 1 });
    const [first, leaving, next] = [begin(shedder), begin(shedder), begin(shedder)];
    leaving.close();
    await expect(leaving.done).rejects.toEqual(refusal);
    first.end();
    next.end();
    await next.done;
    expect(leaving.submit).not.toHaveBeenCalled();
  });

  test("are refused when their turn does not come in time", async () => {
    vi.useFakeTimers();
    try {
      const shedder = open({ maxSubmitting: 1, maxWaitMs: 5_000 });
      const [first, late] = [begin(shedder), begin(shedder)];
      await vi.advanceTimersByTimeAsync(5_000);
      await expect(late.done).rejects.toEqual(refusal);
      first.end();
      await first.done;
      const next = begin(shedder);
      next.end();
      await next.done;
      expect(late.submit).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });
});
