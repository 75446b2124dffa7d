import type { Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";

export const laneJobStates = ["waiting", "active", "delayed"] as const;

/**
 * `waiting`: in line, the next job first. `active`: a worker holds it. `delayed`: it comes back to the line at a time, the earliest first.
 */
export type LaneJobState = (typeof laneJobStates)[number];

export type JobsPage = {
  lane: string;
  state: LaneJobState;
  /** How many jobs are passed over. */
  from: number;
  limit: number;
};

/** The ids of a page of jobs, in their order, and how many jobs of the state there are. */
export type LaneJobs = { ids: string[]; total: number };

/**
 * Reads a page of the jobs that BullMQ (6.7) holds of a lane in one state. A line moves while it is read, so two pages may share a job, or
 * lack one.
 */
export async function laneJobs(redis: Redis, keys: Pick<Keys, "lane">, options: JobsPage): Promise<LaneJobs> {
  const { lane, state, from, limit } = options;
  const name = (kind: string) => `${keys.lane(lane)}${kind}`;
  const last = from + limit - 1;
  if (state === "active") {
    const [ids, total] = await Promise.all([redis.lrange(name("active"), from, last), redis.llen(name("active"))]);
    return { ids, total };
  }
  if (state === "delayed") {
    const [ids, total] = await Promise.all([
      redis.zrange(name("delayed"), `${from}`, `${last}`),
      redis.zcard(name("delayed")),
    ]);
    return { ids, total };
  }
  // Jobs of a worker that stopped responding are in `wait`, before all jobs with a priority. BullMQ takes them from its end.
  const [recovered, inLine] = await Promise.all([redis.llen(name("wait")), redis.zcard(name("prioritized"))]);
  const ofWait = from < recovered ? await redis.lrange(name("wait"), -1 - last, -1 - from) : [];
  const left = limit - ofWait.length;
  const fromInLine = Math.max(from - recovered, 0);
  const rest = left > 0 ? await redis.zrange(name("prioritized"), `${fromInLine}`, `${fromInLine + left - 1}`) : [];
  return { ids: [...ofWait.toReversed(), ...rest], total: recovered + inLine };
}
