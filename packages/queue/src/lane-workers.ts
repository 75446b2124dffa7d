import { randomBytes } from "node:crypto";
import { defineScript, type Keys, redisTime } from "@darkroom/redis";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import pTimeout from "p-timeout";
import { z } from "zod";

/** How workers work off a lane, as they have told. */
export type LaneService = {
  /** Workers that were heard of within the last half minute. */
  workers: number;
  /** Jobs at a time of one worker: the mean of these workers, or where there is none, that of the latest. */
  concurrency: number;
  /** How long a job holds its slot, in milliseconds, in the mean of these workers; null where none has ended a job yet. */
  serviceMs: number | null;
};

const noteScript = defineScript(new URL("scripts/note-lane-worker.lua", import.meta.url), z.literal("ok"));

/** Two notes may fail. A worker that was killed counts for so long, in milliseconds. */
const toldForMs = 30_000;
/** After refusals of Redis a worker is back among the others within this time, in milliseconds. */
const maxPauseMs = 30_000;
/** A stop does not wait longer for a Redis that is away, in milliseconds: what was told ends by itself. */
const closeWithinMs = 1_000;

/** The mean follows the latest jobs: each new one counts a fiftieth, and the first fifty count alike. */
const jobsInMean = 50;

export type LaneWorkersOptions = {
  redis: Redis;
  keys: Pick<Keys, "laneWorkers">;
  lanes: readonly { lane: string; concurrency: number }[];
  log: Pick<Logger, "warn">;
  /** How often the fleet is told, in milliseconds: by default a tenth of a command a second. */
  everyMs?: number;
};

/**
 * Tells the fleet how this worker works off its lanes: with how many slots, and how long a job holds one. `readLaneServices` reads it, to
 * compute how many workers a lane needs.
 */
export function tellLaneWorker({ redis, keys, lanes, log, everyMs = 10_000 }: LaneWorkersOptions) {
  const worker = randomBytes(9).toString("base64url");
  const means = new Map<string, { jobs: number; ms: number }>();

  function note(forMs: number): Promise<"ok"> {
    const told = lanes.flatMap(({ lane, concurrency }) => {
      const ms = means.get(lane)?.ms;
      return [lane, concurrency, ms === undefined ? "-" : Math.round(ms)];
    });
    return noteScript(redis, [keys.laneWorkers], [worker, forMs, ...told]);
  }

  const ticker = createTicker({
    everyMs,
    tick: async () => void (await note(toldForMs)),
    maxPauseMs,
    onError: (error) => log.warn({ err: error }, "The fleet could not be told how this worker works off its lanes"),
  });
  ticker.wake();

  return {
    /** Counts a job that has held a slot of its lane for so many milliseconds. */
    observe(lane: string, ms: number): void {
      const { jobs, ms: mean } = means.get(lane) ?? { jobs: 0, ms: 0 };
      const counted = Math.min(jobs + 1, jobsInMean);
      means.set(lane, { jobs: counted, ms: mean + (ms - mean) / counted });
    },

    /** Tells the fleet that this worker works off no lane any more. */
    async close(): Promise<void> {
      await ticker.close();
      await pTimeout(
        note(0).catch(() => {}),
        { milliseconds: closeWithinMs, fallback: () => {} },
      );
    },
  };
}

export type LaneWorkerNotes = ReturnType<typeof tellLaneWorker>;

/** What one worker has told of a lane. */
type Told = Pick<LaneService, "concurrency" | "serviceMs">;

/** Reads how workers work off the lanes, by lane. A lane that no worker has ever worked off is not there. */
export async function readLaneServices({
  redis,
  keys,
}: {
  redis: Redis;
  keys: Pick<Keys, "laneWorkers">;
}): Promise<Map<string, LaneService>> {
  const [nowMs, fields] = await Promise.all([redisTime(redis), redis.hgetall(keys.laneWorkers)]);
  const living = new Map<string, Told[]>();
  const latest = new Map<string, Told>();
  for (const [field, value] of Object.entries(fields)) {
    const told = /^(?:(\d+) )?(\d+) (\d+|-)$/.exec(value);
    // What cannot be read is removed when a worker tells of its lanes.
    if (told === null) continue;
    const [, untilMs, concurrency, service] = told;
    const one = { concurrency: Number(concurrency), serviceMs: service === "-" ? null : Number(service) };
    const [lane = "", worker] = field.split(" ");
    if (worker === undefined) latest.set(lane, one);
    // A time that is further ahead was noted before the clock of Redis was set back.
    else if (Number(untilMs) > nowMs && Number(untilMs) <= nowMs + 2 * toldForMs)
      living.set(lane, [...(living.get(lane) ?? []), one]);
  }
  const services = new Map<string, LaneService>();
  for (const [lane, last] of latest) {
    const workers = living.get(lane) ?? [];
    const measured = workers.map(({ serviceMs }) => serviceMs).filter((ms) => ms !== null);
    services.set(lane, {
      workers: workers.length,
      concurrency: mean(workers.map(({ concurrency }) => concurrency)) ?? last.concurrency,
      serviceMs: mean(measured) ?? last.serviceMs,
    });
  }
  return services;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
