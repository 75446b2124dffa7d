import { bottlenecksOf } from "./bottlenecks.ts";
import type { Load } from "./load.ts";
import { planCapacity } from "./plan-capacity.ts";

/** What becomes of a plan when one assumption is twice as much: each a factor. */
export type Assumption = {
  name: keyof Load;
  workers: number;
  apis: number;
  redisMemory: number;
  redisCpu: number;
  storeBytes: number;
  /** Of the first bottleneck. */
  bottleneck: number;
};

const names = ["imagesPerSecond", "serviceSeconds", "imageBytes", "imagesPerGeneration", "retentionSeconds"] as const;

/** What the plan follows from, the assumption first whose doubling brings the first bottleneck nearest, then by the workers that it takes. */
export function assumptionsOf(load: Load): [Assumption, ...Assumption[]] {
  const plan = planCapacity(load);
  const [narrowest] = bottlenecksOf(plan);
  const effectOf = (name: (typeof names)[number]): Assumption => {
    const twice = planCapacity({ ...load, [name]: 2 * load[name] });
    const same = bottlenecksOf(twice).find((bottleneck) => bottleneck.name === narrowest.name);
    return {
      name,
      workers: twice.workers.count / plan.workers.count,
      apis: twice.apis.count / plan.apis.count,
      redisMemory: twice.redis.memoryBytes / plan.redis.memoryBytes,
      redisCpu: twice.redis.coreShare / plan.redis.coreShare,
      storeBytes: twice.store.bytes / plan.store.bytes,
      bottleneck: (same ?? narrowest).usedShare / narrowest.usedShare,
    };
  };
  // The rate is what the plan was asked for, and always matters.
  const [rate, ...others] = names.map(effectOf);
  if (rate === undefined) throw new Error("There are no assumptions.");
  return [rate, ...others.toSorted((a, b) => b.bottleneck - a.bottleneck || b.workers - a.workers)];
}
