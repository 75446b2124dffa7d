import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Contender, reachable, deficitRoundRobin, type Turns, unknownLines } from "./deficit-round-robin.ts";

const options = { window: 100, quantum: 10, floor: 10 };
const lines = (count: number, images = 1) => Array.from({ length: count }, () => images);
const batch = (name: string, next: readonly number[], outstanding = 0): Contender => ({
  tenant: name.slice(0, 1),
  batchId: name,
  outstanding,
  next,
});
const share = (contenders: Contender[], turns: Turns = new Map()) =>
  Object.fromEntries(deficitRoundRobin(contenders, options, turns));

describe("the window of a lane", () => {
  test("is one batch's where no other batch wants it", () => {
    expect(share([batch("a1", lines(500))])).toEqual({ a1: 100 });
  });

  test("is shared in halves by two tenants, however many batches one of them has", () => {
    const shares = share([
      batch("a1", lines(500)),
      batch("a2", lines(500)),
      batch("a3", lines(500)),
      batch("b1", lines(500)),
    ]);
    expect(shares["b1"]).toBe(50);
    expect((shares["a1"] ?? 0) + (shares["a2"] ?? 0) + (shares["a3"] ?? 0)).toBe(50);
    expect(Math.max(...Object.values(shares))).toBe(50);
  });

  test("goes to those who want more when others have enough", () => {
    expect(share([batch("a1", lines(500)), batch("b1", lines(20)), batch("c1", lines(3))])).toEqual({
      a1: 77,
      b1: 20,
      c1: 3,
    });
  });

  test("has room for a newcomer though another fills it", () => {
    expect(share([batch("a1", lines(500), 100), batch("b1", lines(20))])).toEqual({ b1: 10 });
  });

  test("weighs lines by their images", () => {
    expect(share([batch("a1", lines(500, 10)), batch("b1", lines(500, 1))])).toEqual({ a1: 10, b1: 90 });
  });
});

test("over many rounds each tenant that always wants more gets as many images as any other, to within a turn", () => {
  const size = fc.integer({ min: 1, max: 10 });
  fc.assert(
    fc.property(fc.array(size, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 90 }), (sizes, free) => {
      const turns: Turns = new Map();
      const images = sizes.map(() => 0);
      for (let round = 0; round < 200; round++) {
        const contenders = sizes.map((each, i) => ({
          tenant: `${i}`,
          batchId: `${i}`,
          outstanding: 0,
          next: lines(200, each),
        }));
        const shares = deficitRoundRobin(contenders, { window: free, quantum: 10, floor: 0 }, turns);
        for (const [i, each] of sizes.entries()) images[i] = (images[i] ?? 0) + (shares.get(`${i}`) ?? 0) * each;
      }
      // Of each, one turn may be under way and one line may not have fitted.
      expect(Math.max(...images) - Math.min(...images)).toBeLessThanOrEqual(20);
    }),
  );
});

test("no batch is fed more than it has, and lines go in order", () => {
  const contender = fc.record({ tenant: fc.constantFrom("a", "b", "c"), count: fc.nat(30), outstanding: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(contender, { maxLength: 8 }), (all) => {
      const contenders = all.map(({ tenant, count, outstanding }, i) => ({
        tenant,
        batchId: `${i}`,
        outstanding,
        next: lines(count, 3),
      }));
      const shares = deficitRoundRobin(contenders, options, new Map());
      for (const { batchId, next } of contenders) {
        expect(shares.get(batchId) ?? 0).toBeLessThanOrEqual(next.length);
      }
      const before = contenders.reduce((sum, { outstanding }) => sum + outstanding, 0);
      const fed = [...shares.values()].reduce((sum, one) => sum + one, 0);
      // The floor lets each tenant past the window, by ten lines at most.
      expect(before + fed).toBeLessThanOrEqual(Math.max(options.window, before) + 3 * options.floor);
    }),
  );
});

test("what is shared is the same where only the lines of those that may be fed are known", () => {
  const contender = fc.record({
    tenant: fc.constantFrom("a", "b", "c"),
    count: fc.nat(20),
    outstanding: fc.nat(30),
    size: fc.integer({ min: 1, max: 10 }),
  });
  const rounds = fc.array(fc.array(contender, { maxLength: 12 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rounds, (all) => {
      const [ofAll, ofSome]: [Turns, Turns] = [new Map(), new Map()];
      for (const round of all) {
        const known = round.map(({ tenant, count, outstanding, size }, i) => ({
          tenant,
          batchId: `${i}`,
          outstanding,
          next: lines(count, size),
        }));
        const within = reachable(
          known.map(({ next, ...rest }) => ({ ...rest, hasMore: next.length > 0 })),
          options,
        );
        const some = known.map((one) =>
          within.has(one.batchId) || one.next.length === 0 ? one : { ...one, next: unknownLines },
        );
        expect(deficitRoundRobin(some, options, ofSome)).toEqual(deficitRoundRobin(known, options, ofAll));
        expect([...ofSome]).toEqual([...ofAll]);
      }
    }),
  );
});
