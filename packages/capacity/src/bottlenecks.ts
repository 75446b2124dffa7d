import { costs } from "./costs.ts";
import type { CapacityPlan } from "./plan-capacity.ts";

/** What starting more processes does not give more of. */
export type Bottleneck = {
  name: "upstream" | "Redis memory" | "Redis CPU" | "Redis connections" | "object store";
  /** Of what may be used of it. Above 1 the plan does not work. */
  usedShare: number;
  /** The rate at which it is used up, in images a second of the mean. */
  mostImagesPerSecond: number;
  /** Whether more installations, each with a Redis of its own, have more of it. */
  growsWithCells: boolean;
};

/** What limits the installation, the narrowest first. */
export function bottlenecksOf(plan: CapacityPlan): [Bottleneck, ...Bottleneck[]] {
  const { load, redis, store, imagesPerSecond } = plan;
  const of = (name: Bottleneck["name"], usedShare: number, growsWithCells: boolean): Bottleneck => ({
    name,
    usedShare,
    mostImagesPerSecond: load.imagesPerSecond / usedShare,
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
