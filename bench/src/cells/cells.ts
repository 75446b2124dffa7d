import { cellsFor, defaultLoad, type Load } from "@darkroom/capacity";
import type { Row, Scenario } from "../wait/scenario.ts";
import { loadsOf, placeByHash, placeByTable, tenantRates } from "./place-tenants.ts";
import { type FleetRun, simulateFleet } from "./simulate-fleet.ts";

/** A fleet that keeps little, because a day of 10,000 images a second is a terabyte and a half of Redis. */
const load: Load = {
  ...defaultLoad,
  imagesPerSecond: 10_000,
  serviceSeconds: 20,
  // Larger workers than by default: 20 calls at a time would be twelve thousand of them.
  concurrency: 200,
  retentionSeconds: 3_600,
  tombstoneSeconds: 86_400,
};
const tenants = 2_000;
/** The largest of so many tenants has a twentieth of the load. */
const exponent = 0.8;
/** Providers answer more evenly than at random. */
const call = { mean: load.serviceSeconds, variation: 0.4 };

const warmUpSeconds = 60;
const lostAtSeconds = 240;
/** After two minutes somebody, or a rule, moves the tenants of the lost cell. A failover of its Redis would have taken ten seconds. */
const movedAtSeconds = lostAtSeconds + 120;
const comeAgainWithinSeconds = 60;
const phases = [
  { name: "warm-up", untilSeconds: warmUpSeconds },
  { name: "all cells", untilSeconds: lostAtSeconds },
  { name: "one is lost", untilSeconds: movedAtSeconds },
  { name: "its tenants are moved, for two minutes", untilSeconds: movedAtSeconds + 120 },
  { name: "after that", untilSeconds: movedAtSeconds + 360 },
];

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

function percentile(waits: readonly number[], share: number): number {
  const sorted = Float64Array.from(waits).toSorted();
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
}

function rowsOf(run: FleetRun): Row[] {
  return phases.flatMap(({ name, untilSeconds }, index) => {
    const fromSeconds = phases[index - 1]?.untilSeconds ?? 0;
    const waits = run.waits[index] ?? [];
    const looks = run.looks.filter(({ atSeconds }) => atSeconds > fromSeconds && atSeconds <= untilSeconds);
    if (name === "warm-up") return [];
    return {
      phase: name,
      seconds: untilSeconds - fromSeconds,
      "begun/s": Math.round(waits.length / (untilSeconds - fromSeconds)),
      "wait p50 s": round(percentile(waits, 0.5)),
      "p95 s": round(percentile(waits, 0.95)),
      "p99 s": round(percentile(waits, 0.99)),
      "longest s": round(percentile(waits, 1)),
      "most in line": Math.max(...looks.map(({ waiting }) => waiting)),
      "workers, first look": looks[0]?.workers ?? 0,
      "workers, last look": looks.at(-1)?.workers ?? 0,
    };
  });
}

/** Of the load: a look within a second. */
const quickShare = 0.02;

/** Ten thousand images a second by a simulated clock: what each cell has, what callers wait, and what the loss of a cell costs. */
export const fleetOfCells: Scenario = {
  number: 1,
  title: "A simulated fleet of 10,000 images a second, of which one cell is lost",
  async run({ quick, tell }) {
    const planned = cellsFor(load);
    if (planned === null) throw new Error("No number of cells is enough for the fleet.");
    // One more than is needed, so that the others can take over what a lost one had.
    const cells = planned.cells + 1;
    const share = quick ? quickShare : 1;
    const rates = tenantRates({ tenants, exponent, perSecond: load.imagesPerSecond * share });
    const cellOf = placeByTable(
      rates,
      Array.from({ length: cells }, () => 0),
    );
    const perCell = (load.imagesPerSecond * share) / cells;
    const workersPerCell = Math.ceil((perCell * call.mean) / (load.concurrency * 0.8));
    const busiest = (placement: readonly number[]) => round(Math.max(...loadsOf(rates, placement, cells)) / perCell);
    tell(`${cells} cells, of which ${planned.cells} are enough, with ${workersPerCell} workers each`);
    tell(
      `the busiest cell has ${busiest(cellOf)} times the mean by the table, and by a hash ${busiest(placeByHash(tenants, cells))}`,
    );
    const loss = { cell: 0, atSeconds: lostAtSeconds, movedAtSeconds, comeAgainWithinSeconds };
    const beganMs = performance.now();
    const run = simulateFleet({
      rates,
      cellOf,
      cells,
      workersPerCell,
      concurrency: load.concurrency,
      call,
      phases,
      loss,
      seed: 1,
    });
    tell(`${run.generations} generations in ${round((performance.now() - beganMs) / 1_000, 1)} s`);
    tell(
      `${run.stranded.active} calls ran in the lost cell and ${run.stranded.waiting} jobs waited; ${run.refused} requests were refused`,
    );
    return rowsOf(run);
  },
};
