import { meanWaitForSlotSeconds } from "@darkroom/capacity";
import { describe, expect, test } from "vitest";
import { loadsOf, placeByHash, placeByTable, tenantRates } from "./place-tenants.ts";
import { exponential, logNormal, seededRandom } from "./random.ts";
import { createSimulatedCell } from "./simulated-cell.ts";
import { type FleetOptions, simulateFleet } from "./simulate-fleet.ts";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const small: FleetOptions = {
  rates: [4, 3, 2, 1],
  cellOf: [0, 1, 2, 2],
  cells: 3,
  workersPerCell: 5,
  concurrency: 4,
  call: { mean: 4, variation: 0.3 },
  phases: [
    { name: "before", untilSeconds: 300 },
    { name: "after", untilSeconds: 900 },
  ],
  loss: null,
  seed: 7,
};

test("the same seed gives the same run, and another one another", () => {
  expect(simulateFleet(small)).toEqual(simulateFleet(small));
  expect(simulateFleet({ ...small, seed: 8 }).generations).not.toBe(simulateFleet(small).generations);
});

test("every generation that was submitted begins, in one of the phases", () => {
  const run = simulateFleet(small);
  expect(run.waits.flat().length + (run.looks.at(-1)?.waiting ?? 0)).toBe(run.generations);
  expect(run.generations / 900).toBeCloseTo(10, 0);
});

test("with exponential calls a job waits as long as Erlang's formula says", () => {
  const random = seededRandom(5);
  const waits: number[] = [];
  const cell = createSimulatedCell({
    workers: 9,
    concurrency: 4,
    callSeconds: () => exponential(random, 4),
    onStart: (_, waited) => void waits.push(waited),
  });
  for (let at = 0, jobs = 0; jobs < 400_000; jobs++) {
    at += exponential(random, 1 / 8);
    cell.advance(at);
    cell.submit(at);
  }
  const formula = meanWaitForSlotSeconds({ perSecond: 8, serviceSeconds: 4, slots: 36 });
  expect(mean(waits)).toBeGreaterThan(0.9 * formula);
  expect(mean(waits)).toBeLessThan(1.1 * formula);
});

describe("a cell that is lost", () => {
  const run = simulateFleet({
    ...small,
    loss: { cell: 0, atSeconds: 300, movedAtSeconds: 360, comeAgainWithinSeconds: 30 },
  });

  test("keeps what it had, and refuses its callers until its tenants are moved", () => {
    expect(run.stranded.active).toBeGreaterThan(5);
    expect(run.refused).toBeGreaterThan(150);
    expect(run.refused).toBeLessThan(350);
  });

  test("has the requests that it refused begin elsewhere, once", () => {
    const begun = run.waits.flat().length + (run.looks.at(-1)?.waiting ?? 0);
    expect(begun + run.stranded.waiting).toBe(run.generations);
  });

  test("has the workers of the others follow", () => {
    const workers = (at: number) => run.looks.find(({ atSeconds }) => atSeconds === at)?.workers ?? 0;
    expect(workers(315)).toBeLessThan(workers(285));
    expect(workers(900)).toBeGreaterThan(workers(345));
  });
});

describe("tenants", () => {
  const rates = tenantRates({ tenants: 2_000, exponent: 0.8, perSecond: 10_000 });

  test("have rates that add up, the largest first", () => {
    expect(rates.reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(10_000, 6);
    expect(rates.toSorted((a, b) => b - a)).toEqual(rates);
  });

  test("are spread evenly by a table, and by a hash as it comes", () => {
    const busiest = (cellOf: readonly number[]) => Math.max(...loadsOf(rates, cellOf, 10));
    expect(busiest(placeByTable(rates, Array(10).fill(0)))).toBeLessThan(1_010);
    expect(busiest(placeByHash(rates.length, 10))).toBeGreaterThan(1_100);
  });
});

test("log-normal times have the mean that was asked for", () => {
  const random = seededRandom(3);
  const times = Array.from({ length: 100_000 }, () => logNormal(random, { mean: 20, variation: 0.4 }));
  expect(mean(times)).toBeGreaterThan(19.9);
  expect(mean(times)).toBeLessThan(20.1);
});
