import { EventEmitter } from "node:events";
import type { FastifyReply, FastifyRequest } from "fastify";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createReadTurns, type ReadTurnsOptions } from "./read-turns.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Turns for two lists of the process and one of each tenant. `read` sends a list of a tenant. */
function openTurns(options: ReadTurnsOptions = {}) {
  const turns = createReadTurns({
    maxReads: 2,
    maxReadsOfTenant: 1,
    maxWaitingOfTenant: 10,
    maxWaitMs: 5_000,
    rest: { leastMs: 0, bytesPerMs: 1_000 },
    random: () => 0.5,
    ...options,
  });
  const order: string[] = [];

  /** `readBytes`: null where it is not known yet. */
  function read(tenant: string, readBytes: number | null = 0, admin = false) {
    const raw = Object.assign(new EventEmitter(), {
      closed: false,
      destroyed: false,
      destroy: () => {
        raw.destroyed = true;
        close();
      },
    });
    function close(): void {
      raw.closed = true;
      raw.emit("close");
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of a request as is looked at
    const request = {
      facts: { account: { tenant }, readBytes: readBytes ?? undefined, admin },
    } as unknown as FastifyRequest;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- and of a reply
    const reply = { raw } as unknown as FastifyReply;
    const turn = turns.preHandler(request, reply).then(() => void order.push(tenant));
    const failure = turn.then(
      () => null,
      (error: unknown) => error,
    );
    return {
      failure,
      raw,
      close,
      /** The page is made, and its client takes it only when it is closed. */
      render: async () => turns.onSend(request),
    };
  }
  return { read, order };
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const refusal = { code: "concurrency_limit_exceeded", status: 429, retryable: true, retryAfterMs: 3_000 };

describe("a list of a tenant", () => {
  test("waits for an earlier one of its tenant, and for no other tenant's", async () => {
    const { read, order } = openTurns();
    const first = read("a");
    read("a");
    read("b");
    await settle();
    expect(order).toEqual(["a", "b"]);
    await first.render();
    first.close();
    await settle();
    expect(order).toEqual(["a", "b", "a"]);
  });

  test("waits for none of the admin's, and the admin's for none", async () => {
    const { read, order } = openTurns();
    for (let i = 0; i < 3; i++) read("a", 0, true);
    read("a");
    await settle();
    expect(order).toEqual(["a", "a", "a", "a"]);
  });

  test("waits until the client of the earlier one has received its page", async () => {
    const { read, order } = openTurns();
    const first = read("a");
    read("a");
    await first.render();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(order).toEqual(["a"]);
    first.close();
    await settle();
    expect(order).toEqual(["a", "a"]);
  });

  test("begins after its place has rested, for longer after a larger page", async () => {
    const { read, order } = openTurns({ rest: { leastMs: 100, bytesPerMs: 1_000 } });
    const first = read("a", 100_000);
    read("a");
    await settle();
    await first.render();
    first.close();
    await vi.advanceTimersByTimeAsync(199);
    expect(order).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toEqual(["a", "a"]);
  });

  test("whose caller hangs up before its page is made rests as after a full page", async () => {
    const { read, order } = openTurns();
    const first = read("a", null);
    read("a");
    await settle();
    first.close();
    await vi.advanceTimersByTimeAsync(523);
    expect(order).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toEqual(["a", "a"]);
  });

  test("that was refused by its route does not rest so long", async () => {
    const { read, order } = openTurns();
    const first = read("a", null);
    read("a");
    await settle();
    await first.render();
    first.close();
    await settle();
    expect(order).toEqual(["a", "a"]);
  });

  test("is refused where its turn does not come in time, with the limit and when to come again", async () => {
    const { read } = openTurns();
    read("a");
    const waiting = read("a");
    await vi.advanceTimersByTimeAsync(5_000);
    const error = await waiting.failure;
    expect(error).toMatchObject(refusal);
    expect(error).toHaveProperty("message", expect.stringContaining("1 of one tenant"));
  });

  test("is refused at once where too many of its tenant wait", async () => {
    const { read } = openTurns({ maxWaitingOfTenant: 1 });
    read("a");
    read("a");
    expect(await read("a").failure).toMatchObject(refusal);
    expect(await read("b").failure).toBeNull();
  });

  test("whose caller has gone while it waited takes no place", async () => {
    const { read, order } = openTurns();
    const first = read("a");
    const gone = read("a");
    const third = read("a");
    gone.close();
    expect(await gone.failure).toMatchObject(refusal);
    first.close();
    await settle();
    expect(await third.failure).toBeNull();
    expect(order).toEqual(["a", "a"]);
  });

  test("that nobody receives is cut off after a minute", async () => {
    const { read, order } = openTurns();
    const first = read("a");
    await first.render();
    await vi.advanceTimersByTimeAsync(59_999);
    expect(first.raw.destroyed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(first.raw.destroyed).toBe(true);
    read("a");
    await vi.advanceTimersByTimeAsync(1);
    expect(order).toEqual(["a", "a"]);
  });
});

describe("the lists of a process", () => {
  test("go to tenants in turn, however many one of them sends", async () => {
    const { read, order } = openTurns({ maxReads: 1, maxReadsOfTenant: 5 });
    const first = read("a");
    const others = ["a", "a", "a", "b", "c"].map((tenant) => read(tenant));
    first.close();
    await settle();
    for (let i = 0; i < others.length; i++) {
      const begun = others.find((one) => !one.raw.closed && one.raw.listenerCount("close") > 0);
      begun?.close();
      await settle();
    }
    expect(order.slice(0, 4).toSorted()).toEqual(["a", "a", "b", "c"]);
  });

  test("leave a place when their page is made, though its client is slow", async () => {
    const { read, order } = openTurns({ maxReads: 1 });
    const first = read("a");
    read("b");
    await settle();
    expect(order).toEqual(["a"]);
    await first.render();
    await settle();
    expect(order).toEqual(["a", "b"]);
  });

  test("are refused with 503 where the process has no place in time", async () => {
    const { read } = openTurns({ maxReads: 1 });
    read("a");
    const waiting = read("b");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await waiting.failure).toMatchObject({ code: "overloaded", retryable: true, retryAfterMs: 3_000 });
  });
});
