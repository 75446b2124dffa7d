import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { FastifyUnderPressureOptions } from "@fastify/under-pressure";

/** Of the memory that there is. Collecting garbage, and what is in hand already, need the rest. */
const memoryShare = 0.9;

/** The limit of the container that the process runs in, in bytes; 0, which is no limit, where it is in none. */
function containerLimit(): number {
  const limit = process.constrainedMemory();
  return limit < totalmem() ? limit * memoryShare : 0;
}

/** From where on a process takes no new work, by `@fastify/under-pressure`. */
export const pressureLimits: FastifyUnderPressureOptions = {
  // In milliseconds. A process that stands still once for four seconds, as it does while modules are loaded on a busy machine, is not
  // overloaded: of a second it would be.
  sampleInterval: 5_000,
  // The mean of those five seconds, in milliseconds: the event loop has come round ten times. Bounded submissions keep it far below.
  maxEventLoopDelay: 500,
  maxHeapUsedBytes: getHeapStatistics().heap_size_limit * memoryShare,
  maxRssBytes: containerLimit(),
  // It is asked where there is new work. Probes, metrics, and what is in hand go on.
  pressureHandler: () => undefined,
};
