import { defineScript, type Keys, type OwnedTask, type TaskLeases } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { z } from "zod";

const checkStalled = defineScript(new URL("scripts/check-stalled.lua", import.meta.url), z.array(z.string()));

export type StalledCheckOptions = {
  redis: Redis;
  keys: Pick<Keys, "lane">;
  /** How often a lane is checked, in milliseconds. */
  everyMs: number;
  log: Pick<Logger, "warn">;
};

/**
 * Returns the function that puts jobs whose worker fell silent back in line on their lane. A job is found by the second check after the last
 * renewal of its lock, or by the first one after its lock has run out, whichever is later.
 */
export function createStalledCheck({ redis, keys, everyMs, log }: StalledCheckOptions) {
  return async (lane: string): Promise<void> => {
    // Two owners of a lane at once make one check. Half of the interval, or a check that comes a millisecond early would be left out.
    const aloneForMs = Math.ceil(everyMs / 2);
    for (const job of await checkStalled(redis, [keys.lane(lane)], [Date.now(), aloneForMs])) {
      log.warn({ lane, job }, "A worker fell silent; its job is begun again");
    }
  };
}

export type OwnStalledChecksOptions = StalledCheckOptions & {
  leases: Pick<TaskLeases, "own">;
  /** The kind of the tasks: see `OwnedTaskOptions`. */
  kind: string;
  lanes: readonly string[];
};

/**
 * Has one worker of the fleet check each lane. BullMQ has every worker ask once in an interval whether the lane was checked, which costs
 * two commands for each lane and worker.
 */
export function ownStalledChecks({ leases, kind, lanes, ...options }: OwnStalledChecksOptions): OwnedTask {
  const { everyMs, log } = options;
  const check = createStalledCheck(options);
  return leases.own({
    kind,
    parts: lanes,
    everyMs,
    tick: ({ part }) => check(part),
    onError: (error, { part: lane }) =>
      log.warn({ lane, err: error }, "Jobs of workers that fell silent could not be looked for"),
    // After an outage of Redis jobs wait no longer than after the death of a worker.
    maxPauseMs: everyMs,
  });
}
