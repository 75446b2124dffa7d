import { type LaneFigures, type Lanes, type LaneJobState, queuePosition, readLaneFigures } from "@darkroom/queue";
import { type Fleet, type FleetProcess, type Keys, redisTime } from "@darkroom/redis";
import pMap from "p-map";
import type { Redis } from "ioredis";
import { type Explanation, explainWait, type LaneSlots } from "./explain-wait.ts";
import { findGenerations, type FindOptions } from "./find-generations.ts";
import type { OperatorView } from "./operator-view.ts";
import { readView, readViews } from "./read-views.ts";

export type OperatorOptions = { redis: Redis; keys: Keys; lanes: Lanes; fleet: Fleet };

/** How a lane stands, and who works it off. */
export type LaneState = LaneFigures & { drained: boolean; workers: LaneSlots[] };

/** A job of a lane. The generation is null for a job that is none, and for a record that is gone or cannot be read. */
export type LaneJobView = { id: string; position: number; generation: OperatorView | null };

/** Lanes that are read at a time. There are some ten. */
const lanesAtOnce = 8;

/** What the operator of an installation looks at. All of it is read; nothing is changed. */
export function createOperator({ redis, keys, lanes, fleet }: OperatorOptions) {
  async function findLanes(names: Iterable<string>) {
    const [processes, drained] = await Promise.all([fleet.list(), fleet.drainedLanes()]);
    const worked = processes.flatMap((one) => one.lanes.map(({ lane }) => lane));
    const all = [...new Set([...names, ...worked, ...drained.keys()])].toSorted((a, b) => a.localeCompare(b));
    return { all, processes, drained };
  }

  return {
    /** Now, in Unix milliseconds by the clock of Redis. */
    nowMs: (): Promise<number> => redisTime(redis),

    /** The names given, and those of all further lanes that a process works off or that are drained, in their order. */
    laneNames: async (names: Iterable<string>): Promise<string[]> => (await findLanes(names)).all,

    /** The lanes of these names, and all further ones that a process works off or that are drained, in the order of their names. */
    async readLanes(names: Iterable<string>): Promise<LaneState[]> {
      const { all, processes, drained } = await findLanes(names);
      const read = async (lane: string): Promise<LaneState> => ({
        ...(await readLaneFigures({ redis, keys }, lane)),
        drained: drained.has(lane),
        workers: workersOf(processes, lane),
      });
      return pMap(all, read, { concurrency: lanesAtOnce });
    },

    /** A page of a lane's jobs in one state, in their order, and how many there are. */
    async readJobs(page: { lane: string; state: LaneJobState; from: number; limit: number }) {
      const { ids, total } = await lanes.jobs(page);
      const views = await readViews(redis, keys, ids);
      const jobs = ids.map((id, i): LaneJobView => ({ id, position: page.from + i + 1, generation: views[i] ?? null }));
      return { jobs, total };
    },

    /**
     * A generation, its place in line, and why it is where it is; null where it has no record. Throws where this release cannot read it: see
     * `isUnreadableRecord`.
     */
    async explain(
      id: string,
    ): Promise<({ view: OperatorView; position: number | null; nowMs: number } & Explanation) | null> {
      const view = await readView(redis, keys, id);
      if (view === null) return null;
      const { lane } = view;
      const [figures, [place = "none"], queued, processes, nowMs] = await Promise.all([
        readLaneFigures({ redis, keys }, lane),
        lanes.findMany(lane, [id]),
        queuePosition({ redis, keys, lanes }, { id, lane }),
        fleet.list(),
        redisTime(redis),
      ]);
      const position = queued?.position ?? null;
      const workers = workersOf(processes, lane);
      return { view, position, nowMs, ...explainWait({ view, nowMs, figures, place, position, workers }) };
    },

    /** A page of the generations that match a filter: see `findGenerations`. */
    find: (options: FindOptions) => findGenerations(redis, keys, options),
  };
}

export type Operator = ReturnType<typeof createOperator>;

/** The part of the workers that take new work. */
const workersOf = (processes: readonly FleetProcess[], lane: string): LaneSlots[] =>
  processes.filter(({ state }) => state === "running").flatMap(({ lanes }) => lanes.filter((one) => one.lane === lane));
