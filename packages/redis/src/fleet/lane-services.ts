import type { Redis } from "ioredis";
import type { Keys } from "../key-names.ts";
import { createFleet } from "./fleet.ts";

/** How workers work off a lane, as they have told. */
export type LaneService = {
  /** Workers that are alive and work it off. */
  workers: number;
  /** Jobs at a time of one worker: the mean of these workers, or where there is none, that of the latest. */
  concurrency: number;
  /** How long a job holds its slot, in milliseconds, in the mean of these workers; null where none has ended a job yet. */
  serviceMs: number | null;
};

type Told = Pick<LaneService, "concurrency" | "serviceMs">;

export type LaneServicesOptions = {
  redis: Redis;
  keys: Pick<Keys, "process" | "processes" | "drainedLanes" | "laneServices">;
};

/**
 * Reads how workers work off the lanes, by lane, from their latest heartbeats. Of a lane without a worker it has what the latest has told. A
 * lane that no worker has ever worked off is not there.
 */
export async function readLaneServices({ redis, keys }: LaneServicesOptions): Promise<Map<string, LaneService>> {
  const [processes, kept] = await Promise.all([
    createFleet({ redis, keys }).list(),
    // Only lanes without a worker need it. Where it is damaged, the others are told all the same.
    redis.hgetall(keys.laneServices).catch((): Record<string, string> => ({})),
  ]);
  const living = Map.groupBy(
    processes.flatMap(({ lanes }) => lanes),
    ({ lane }) => lane,
  );
  const services = new Map<string, LaneService>();
  for (const lane of new Set([...Object.keys(kept), ...living.keys()])) {
    const workers = living.get(lane) ?? [];
    const latest = parseTold(kept[lane]);
    const concurrency = mean(workers.map((worker) => worker.concurrency)) ?? latest?.concurrency;
    if (concurrency === undefined) continue;
    const measuredMs = workers.map(({ serviceMs }) => serviceMs).filter((ms) => ms !== null);
    services.set(lane, {
      workers: workers.length,
      concurrency,
      serviceMs: mean(measuredMs) ?? latest?.serviceMs ?? null,
    });
  }
  return services;
}

/** Undefined for what `beat-process.lua` has not written. */
function parseTold(text = ""): Told | undefined {
  const [, concurrency, serviceMs] = /^(\d+) (\d+|-)$/.exec(text) ?? [];
  if (concurrency === undefined) return undefined;
  return { concurrency: Number(concurrency), serviceMs: serviceMs === "-" ? null : Number(serviceMs) };
}

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
