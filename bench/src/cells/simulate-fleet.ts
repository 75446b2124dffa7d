import { createAutoscaler, everySeconds } from "./autoscaler.ts";
import { loadsOf, placeByTable } from "./place-tenants.ts";
import { exponential, logNormal, seededRandom } from "./random.ts";
import { createSimulatedCell } from "./simulated-cell.ts";

export type FleetOptions = {
  /** Rates of tenants, in generations a second, and the cell of each. */
  rates: readonly number[];
  cellOf: readonly number[];
  cells: number;
  workersPerCell: number;
  concurrency: number;
  /** How long a call takes, in seconds, and its standard deviation as a multiple of that. */
  call: { mean: number; variation: number };
  /** Parts of the simulated time, one after the other. The last one ends it. Waits are told by the part in which a job begins. */
  phases: readonly { name: string; untilSeconds: number }[];
  /** One cell is lost for good, and later its tenants are moved to the others. Until then its callers get a 503, and come again after the move. */
  loss: { cell: number; atSeconds: number; movedAtSeconds: number; comeAgainWithinSeconds: number } | null;
  seed: number;
};

export type FleetRun = {
  /** For each phase: how long each job had waited that began in it, in seconds, in no order. */
  waits: number[][];
  /** Of all cells that are alive, at each look of the autoscaler. */
  looks: { atSeconds: number; workers: number; waiting: number }[];
  generations: number;
  refused: number;
  /** What the lost cell had at that moment. It is in its Redis, and goes on if that comes back. */
  stranded: { waiting: number; active: number };
};

/** Runs a fleet of cells by a simulated clock: Poisson arrivals at each cell, log-normal calls, and an autoscaler for each cell. */
export function simulateFleet(options: FleetOptions): FleetRun {
  const { concurrency, workersPerCell, call, loss, phases } = options;
  const random = seededRandom(options.seed);
  const run: FleetRun = {
    waits: phases.map(() => []),
    looks: [],
    generations: 0,
    refused: 0,
    stranded: { waiting: 0, active: 0 },
  };
  const onStart = (atSeconds: number, waitedSeconds: number) => {
    const phase = phases.findIndex(({ untilSeconds }) => atSeconds < untilSeconds);
    run.waits[phase]?.push(waitedSeconds);
  };
  const loads = loadsOf(options.rates, options.cellOf, options.cells);
  const fleet = loads.map((rate) => ({
    rate,
    cell: createSimulatedCell({
      workers: workersPerCell,
      concurrency,
      callSeconds: () => logNormal(random, call),
      onStart,
    }),
    scale: createAutoscaler({ concurrency, serviceSeconds: call.mean }),
    nextAt: nextArrival(rate, 0),
    /** When requests come again that were refused, the latest first. */
    againAt: [] as number[],
    isLost: false,
  }));
  type Member = (typeof fleet)[number];

  function nextArrival(rate: number, from: number): number {
    return rate > 0 ? from + exponential(random, 1 / rate) : Number.POSITIVE_INFINITY;
  }

  function runMember(member: Member, to: number): void {
    for (;;) {
      const againAt = member.againAt.at(-1) ?? Number.POSITIVE_INFINITY;
      const at = Math.min(member.nextAt, againAt);
      if (at >= to) break;
      if (againAt < member.nextAt) member.againAt.pop();
      else {
        run.generations++;
        member.nextAt = nextArrival(member.rate, at);
      }
      if (member.isLost) run.refused++;
      else {
        member.cell.advance(at);
        member.cell.submit(at);
      }
    }
    if (!member.isLost) member.cell.advance(to);
  }

  /** The tenants of a lost cell go where there is least, the largest first, and the requests that were refused follow them. */
  function moveTenants(lost: Member, now: number, withinSeconds: number): void {
    const moved = options.rates.filter((_, tenant) => fleet[options.cellOf[tenant] ?? 0] === lost);
    const alive = fleet.filter((member) => !member.isLost);
    const added = loadsOf(
      moved,
      placeByTable(
        moved,
        alive.map(({ rate }) => rate),
      ),
      alive.length,
    );
    for (const [index, member] of alive.entries()) {
      const more = added[index] ?? 0;
      const again = Math.round((run.refused * more) / lost.rate);
      member.againAt = Array.from({ length: again }, () => now + random() * withinSeconds).toSorted((a, b) => b - a);
      member.rate += more;
      member.nextAt = nextArrival(member.rate, now);
    }
    lost.rate = 0;
    lost.nextAt = Number.POSITIVE_INFINITY;
  }

  const lost = loss === null ? undefined : fleet[loss.cell];
  const untilSeconds = phases.at(-1)?.untilSeconds ?? 0;
  for (let now = 0; now < untilSeconds; now++) {
    if (lost !== undefined && now === loss?.atSeconds) {
      run.stranded = { waiting: lost.cell.waiting(), active: lost.cell.active() };
      lost.isLost = true;
    }
    if (lost !== undefined && now === loss?.movedAtSeconds) moveTenants(lost, now, loss.comeAgainWithinSeconds);
    // Cells meet only at moves and looks, so each is run for a second at a time.
    for (const member of fleet) runMember(member, now + 1);
    if ((now + 1) % everySeconds !== 0) continue;
    const alive = fleet.filter((member) => !member.isLost);
    for (const { cell, scale } of alive) scale(cell, now + 1);
    run.looks.push({
      atSeconds: now + 1,
      workers: alive.reduce((sum, { cell }) => sum + cell.workers(), 0),
      waiting: alive.reduce((sum, { cell }) => sum + cell.waiting(), 0),
    });
  }
  return run;
}
