import type { Row, ScenarioSettings } from "../wait/scenario.ts";

/** How many worker processes a fleet has in each column. They may share the cores of one machine, so compare commands and calls, not seconds. */
const usualCounts = [1, 4, 16];

/** What a measurement with a number of workers gives: the value of each quantity by its name, with its unit in the name. */
export type FleetMeasure = (workers: number, settings: ScenarioSettings) => Promise<Record<string, number>>;

/**
 * Measures with each number of workers, and answers a row for each quantity with its unit, and a column for each number. Throws where a
 * measurement leaves out a quantity.
 */
export async function byWorkers(settings: ScenarioSettings, measure: FleetMeasure): Promise<Row[]> {
  const { workers: counts = usualCounts, tell } = settings;
  const taken = new Map<number, Record<string, number>>();
  for (const workers of counts) {
    tell(`${workers} workers`);
    taken.set(workers, await measure(workers, settings));
  }
  const value = (quantity: string, workers: number): number => {
    const found = taken.get(workers)?.[quantity];
    if (found === undefined) throw new Error(`"${quantity}" was not measured with ${workers} workers`);
    return found;
  };
  const [first] = taken.values();
  return Object.keys(first ?? {}).map((quantity) =>
    Object.fromEntries([
      ["quantity", quantity],
      ...counts.map((workers) => [columnOf(workers), value(quantity, workers)] as const),
    ]),
  );
}

const columnOf = (workers: number): string => (workers === 1 ? "1 worker" : `${workers} workers`);
