import { bottlenecksOf } from "./bottlenecks.ts";
import type { Load } from "./load.ts";
import { type CapacityPlan, planCapacity } from "./plan-capacity.ts";

/** Smaller cells than this are not looked at: at one image in ten seconds Redis holds little but what does not depend on the load. */
const leastImagesPerSecond = 0.1;

/**
 * The least number of equal installations, each with a Redis of its own, by which no Redis is used more than it may be, and the plan of one of
 * them. One cell where one Redis is enough. Null where the Redis is too small for any.
 */
export function cellsFor(load: Load): { cells: number; cell: CapacityPlan } | null {
  const planOf = (cells: number) => planCapacity({ ...load, imagesPerSecond: load.imagesPerSecond / cells });
  let cells = 1;
  let cell = planOf(cells);
  for (;;) {
    const usedShare = Math.max(
      ...bottlenecksOf(cell).map((bottleneck) => (bottleneck.growsWithCells ? bottleneck.usedShare : 0)),
    );
    if (usedShare <= 1) return { cells, cell };
    // Half of a load takes half of a Redis or more, never less. So this does not pass over a number that is enough.
    cells = Math.max(cells + 1, Math.floor(cells * usedShare));
    cell = planOf(cells);
    if (cell.load.imagesPerSecond < leastImagesPerSecond) return null;
  }
}
