import { costs } from "./costs.ts";
import type { Load } from "./load.ts";
import { type CapacityPlan, planCapacity } from "./plan-capacity.ts";

/** What starting more processes does not give more of. */
export type Bottleneck = {
  name: "upstream" | "Redis memory" | "Redis CPU" | "Redis connections" | "object store";
  /** Of what may be used of it. Above 1 the plan does not work. */
  usedShare: number;
  /** Whether more installations, each with a Redis of its own, have more of it. */
  growsWithCells: boolean;
};

/** What limits the installation, the narrowest first. */
export function bottlenecksOf(plan: CapacityPlan): [Bottleneck, ...Bottleneck[]] {
  const { load, redis, store, imagesPerSecond } = plan;
  const of = (name: Bottleneck["name"], usedShare: number, growsWithCells: boolean): Bottleneck => ({
    name,
    usedShare,
    growsWithCells,
  });
  const first = of("Redis memory", redis.maxmemoryBytes / load.redisMachineBytes, true);
  const others = [
    of("Redis CPU", redis.coreShare / costs.redis.usedShareOfCore, true),
    of("Redis connections", redis.connections / costs.redis.maxConnections, false),
    of("object store", store.putsPerSecond / costs.store.maxPutsPerSecond, false),
    ...(load.upstreamImagesPerSecond === null
      ? []
      : [of("upstream", imagesPerSecond / load.upstreamImagesPerSecond, false)]),
  ];
  const [narrowest = first, ...rest] = [first, ...others].toSorted((a, b) => b.usedShare - a.usedShare);
  return [narrowest, ...rest];
}

/** The rate at which a bottleneck is used up, in images a second of the mean, where all else of the load stays as it is. It is searched for, because use does not grow in proportion. */
export function mostImagesPerSecond(load: Load, name: Bottleneck["name"]): number {
  const isUsedUp = (imagesPerSecond: number) =>
    bottlenecksOf(planCapacity({ ...load, imagesPerSecond })).some((one) => one.name === name && one.usedShare > 1);
  let [least, most] = [1e-6, 1e9];
  // Each step halves the distance on a logarithmic scale: forty tell the rate to nine digits.
  for (let step = 0; step < 40; step++) {
    const middle = Math.sqrt(least * most);
    if (isUsedUp(middle)) most = middle;
    else least = middle;
  }
  return least;
}
