import type { OwnedTask, TaskLeases } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import { createRemoveOutlived, type RemoveOutlivedOptions } from "./remove-outlived.ts";

export type RemovalOptions = RemoveOutlivedOptions & { log: Logger };

/**
 * How many workers of the fleet remove at a time. Two get through thousands of generations a second, far more than a fleet draws, and more would
 * only take Redis and the store from the callers that wait.
 */
const slices = ["0", "1"];

/**
 * Removes generations whose retention is over, a page after the other. A slice is the right to take pages, and not a part of the generations:
 * which page a worker gets, the claim of the page decides.
 */
export function createRemoval(options: RemovalOptions) {
  const { log } = options;
  const removePage = createRemoveOutlived(options);

  async function removeDue(isHeld: () => boolean): Promise<void> {
    while (isHeld()) if (!(await removePage()).more) return;
  }

  return {
    /** Removes all that is due, now. */
    tick: (): Promise<void> => removeDue(() => true),

    /** Removes what is due every so many milliseconds, in the slices that this worker holds. */
    own: (leases: TaskLeases, everyMs: number): OwnedTask =>
      leases.own({
        kind: "removal",
        parts: slices,
        everyMs,
        tick: ({ isHeld }) => removeDue(isHeld),
        onError: (error) => log.warn({ err: error }, "Generations whose retention is over could not be removed"),
      }),
  };
}
