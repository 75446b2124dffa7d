import type { ScenarioSettings } from "../wait/scenario.ts";

/** How many worker processes a fleet has in each column. They may share the cores of one machine, so compare commands and calls, not seconds. */
const workerCounts = [1, 4, 16] as const;

type WorkerCount = (typeof workerCounts)[number];

/** One row of the table: a quantity with its unit, and what it was with so many workers. */
export type FleetRow = { quantity: string } & Record<"1 worker" | "4 workers" | "16 workers", number>;

/** What a measurement with a number of workers gives: the value of each quantity by its name, with its unit in the name. */
export type FleetMeasure = (workers: WorkerCount, settings: ScenarioSettings) => Promise<Record<string, number>>;

/** Measures with 1, 4 and 16 workers, and answers a row for each quantity. Throws where a measurement leaves out a quantity. */
export async function byWorkers(settings: ScenarioSettings, measure: FleetMeasure): Promise<FleetRow[]> {
  const taken = new Map<WorkerCount, Record<string, number>>();
  for (const workers of workerCounts) {
    settings.tell(`${workers} workers`);
    taken.set(workers, await measure(workers, settings));
  }
  const value = (quantity: string, workers: WorkerCount): number => {
    const found = taken.get(workers)?.[quantity];
    if (found === undefined) throw new Error(`"${quantity}" was not measured with ${workers} workers`);
    return found;
  };
  return Object.keys(taken.get(1) ?? {}).map((quantity) => ({
    quantity,
    "1 worker": value(quantity, 1),
    "4 workers": value(quantity, 4),
    "16 workers": value(quantity, 16),
  }));
}
