export { type Assumption, assumptionsOf } from "./assumptions.ts";
export { type Bottleneck, bottlenecksOf, mostImagesPerSecond } from "./bottlenecks.ts";
export { cellsFor } from "./cells-for.ts";
export { costs } from "./costs.ts";
export { defaultLoad, type Load } from "./load.ts";
export { type CapacityPlan, planCapacity } from "./plan-capacity.ts";
export { meanWaitForSlotSeconds } from "./queue-wait.ts";
export { planRedis } from "./plan-redis.ts";
