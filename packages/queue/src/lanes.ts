import { defineScript, type Keys } from "@darkroom/redis";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { z } from "zod";

/** Interactive callers wait on the line; a batch must never hold every slot. */
export type LaneClass = "interactive" | "batch";

/** A lane is one provider's queue of one class: BullMQ's brakes (rate limit, concurrency, pause) act per queue. */
export const laneName = (provider: string, laneClass: LaneClass): string => `${provider}.${laneClass}`;

/** Whether lines of batches go on a lane. */
export const isBatchLane = (lane: string): boolean => lane.endsWith(".batch" satisfies `.${LaneClass}`);

const jobPlaces = ["waiting", "held", "broken", "none"] as const;

/**
 * What BullMQ holds of a job: it waits in line or for its time, is held by a worker, or is not there. `broken`: a part of it is missing,
 * and it would never be run.
 */
export type JobPlace = (typeof jobPlaces)[number];

const findJobs = defineScript(new URL("scripts/find-jobs.lua", import.meta.url), z.array(z.enum(jobPlaces)));

/** BullMQ's largest priority value, which is its least urgent. */
const maxPriority = 2 ** 21 - 1;

const maxJobsAtOnce = 500;

/**
 * Every job has a priority: one without would overtake all that have. Past BullMQ's largest, which takes two million jobs of one
 * tenant on a lane that is never once empty, jobs go in the order of their coming, whosever they are.
 */
const jobOptions = (id: string, rank: number) => ({ jobId: id, priority: Math.min(Math.max(rank, 1), maxPriority) });

/**
 * The lanes as a producer sees them. A job is an id and a rank, nothing else: the record is the truth.
 * The job's id is the generation's id, so that adding twice makes one job.
 */
export function createLanes(redis: Redis, keys: Keys) {
  const queues = new Map<string, Queue>();

  function queue(lane: string): Queue {
    let found = queues.get(lane);
    if (found === undefined) {
      found = new Queue(lane, {
        connection: redis,
        prefix: keys.lanes,
        // Nothing reads the event stream; BullMQ's default of 10,000 entries is memory for nothing.
        streams: { events: { maxLen: 100 } },
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      });
      // The connection is ours and reports its own errors; without a listener BullMQ would throw them.
      found.on("error", () => {});
      // A queue that was made while Redis was away never becomes ready: forget it, the next call makes another.
      found.waitUntilReady().catch(() => queues.delete(lane));
      queues.set(lane, found);
    }
    return found;
  }

  return {
    /** Opens lanes ahead of their first job. One that is first used while Redis is away cannot be opened at all. */
    async open(names: Iterable<string>): Promise<void> {
      await Promise.all([...names].map((lane) => queue(lane).waitUntilReady()));
    },

    /** Adds a job, or finds it there. */
    async add(lane: string, id: string, rank: number): Promise<void> {
      await queue(lane).add("generate", null, jobOptions(id, rank));
    },

    /** Adds many jobs: at most 500 in one call, for BullMQ's Lua blocks every other client meanwhile. */
    async addMany(lane: string, jobs: readonly { id: string; rank: number }[]): Promise<void> {
      for (let from = 0; from < jobs.length; from += maxJobsAtOnce) {
        const some = jobs.slice(from, from + maxJobsAtOnce).map(({ id, rank }) => ({
          name: "generate",
          data: null,
          opts: jobOptions(id, rank),
        }));
        await queue(lane).addBulk(some);
      }
    },

    /** Takes a job off its lane; one that a worker holds stays. */
    async remove(lane: string, id: string): Promise<boolean> {
      return (await queue(lane).remove(id)) === 1;
    },

    /** What BullMQ knows of the job: whether a worker holds it, whether it waits for one, or nothing. */
    async find(lane: string, id: string): Promise<"held" | "waiting" | null> {
      const state = await queue(lane).getJobState(id);
      return state === "unknown" ? null : state === "active" ? "held" : "waiting";
    },

    /** What BullMQ holds of many jobs, in their order. Reads only. */
    findMany(lane: string, ids: readonly string[]): Promise<JobPlace[]> {
      const lists = ["prioritized", "delayed", "active", "wait", "paused", ""].map((kind) => queue(lane).toKey(kind));
      return findJobs(redis, lists, ids);
    },

    /** How many jobs are given out before this one, plus one; null when it does not wait in line. */
    async position(lane: string, id: string): Promise<number | null> {
      const name = (kind: string) => queue(lane).toKey(kind);
      // Jobs of a worker that fell silent are in `wait`, ahead of all that have a priority.
      const [rank, recovered] = await Promise.all([redis.zrank(name("prioritized"), id), redis.llen(name("wait"))]);
      return rank === null ? null : rank + recovered + 1;
    },

    async depth(lane: string): Promise<{ waiting: number; paused: boolean }> {
      const [counts, paused] = await Promise.all([
        queue(lane).getJobCounts("waiting", "prioritized"),
        queue(lane).isPaused(),
      ]);
      return { waiting: (counts["waiting"] ?? 0) + (counts["prioritized"] ?? 0), paused };
    },

    /** For how long the lane gives out no job, in milliseconds, because its upstream's rate limit is reached; 0 while it does. */
    async closedMs(lane: string): Promise<number> {
      return Math.max(await queue(lane).getRateLimitTtl(), 0);
    },

    async close(): Promise<void> {
      await Promise.all([...queues.values()].map((open) => open.close()));
    },
  };
}

export type Lanes = ReturnType<typeof createLanes>;
