import { defineScript, type Keys } from "@darkroom/redis";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { z } from "zod";
import { laneJobs, type JobsPage } from "./lane-jobs.ts";

/** Interactive callers wait for their answer, so a batch must never hold every slot. */
export type LaneClass = "interactive" | "batch";

/** A lane is one provider's queue of one class, because BullMQ limits rate and concurrency, and pauses, per queue. */
export const laneName = (provider: string, laneClass: LaneClass): string => `${provider}.${laneClass}`;

/** Whether lines of batches go on a lane. */
export const isBatchLane = (lane: string): boolean => lane.endsWith(".batch" satisfies `.${LaneClass}`);

const jobPlaces = ["waiting", "held", "broken", "none"] as const;

/**
 * What BullMQ holds of a job: it waits in line or for its time, a worker holds it, or it is not there. `broken`: a part of it is missing,
 * so that no worker would run it.
 */
export type JobPlace = (typeof jobPlaces)[number];

const findJobs = defineScript(new URL("scripts/find-jobs.lua", import.meta.url), z.array(z.enum(jobPlaces)));

/** BullMQ's largest priority value, which is its least urgent. */
const maxPriority = 2 ** 21 - 1;

const maxJobsAtOnce = 500;

/** Every job has a priority, because a job without one would overtake all others. */
const jobOptions = (id: string, priority: number) => ({
  jobId: id,
  priority: Math.min(Math.max(priority, 1), maxPriority),
});

/**
 * The lanes as a producer sees them. A job holds only an id and a priority; the record has the state. Of two jobs the one with the smaller priority
 * value runs first, and of equal ones the earlier. The job's id is the generation's id, so
 * that adding it twice makes one job.
 */
export function createLanes(redis: Redis, keys: Keys) {
  const queues = new Map<string, Queue>();

  function queue(lane: string): Queue {
    let found = queues.get(lane);
    if (found === undefined) {
      found = new Queue(lane, {
        connection: redis,
        prefix: keys.lanes,
        // Nothing reads the event stream, and BullMQ's default of 10,000 entries takes memory.
        streams: { events: { maxLen: 100 } },
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      });
      // The connection is ours and reports its own errors; without a listener BullMQ would throw them.
      found.on("error", () => {});
      // A queue that was created while Redis was away never becomes ready. It is dropped, and the next call creates another.
      found.waitUntilReady().catch(() => queues.delete(lane));
      queues.set(lane, found);
    }
    return found;
  }

  return {
    /** Opens lanes before their first job. A lane that is first used while Redis is away cannot be opened. */
    async open(names: Iterable<string>): Promise<void> {
      await Promise.all([...names].map((lane) => queue(lane).waitUntilReady()));
    },

    /** Adds a job, or finds it there. */
    async add(lane: string, id: string, priority: number): Promise<void> {
      await queue(lane).add("generate", null, jobOptions(id, priority));
    },

    /** Adds many jobs, at most 500 in one call to Redis, because BullMQ's script blocks all other clients. */
    async addMany(lane: string, jobs: readonly { id: string; priority: number }[]): Promise<void> {
      for (let from = 0; from < jobs.length; from += maxJobsAtOnce) {
        const some = jobs.slice(from, from + maxJobsAtOnce).map(({ id, priority }) => ({
          name: "generate",
          data: null,
          opts: jobOptions(id, priority),
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

    /** Whether a worker runs each of these jobs, in their order: it renews the lock of a job for as long as that takes. */
    async areLocked(lane: string, ids: readonly string[]): Promise<boolean[]> {
      if (ids.length === 0) return [];
      const tokens = await redis.mget(ids.map((id) => `${queue(lane).toKey(id)}:lock`));
      return tokens.map((token) => token !== null);
    },

    /** How many jobs the lane gives out before this one, plus one. Null when the job does not wait in line. */
    async position(lane: string, id: string): Promise<number | null> {
      const name = (kind: string) => queue(lane).toKey(kind);
      // Jobs of a worker that stopped responding are in `wait`, before all jobs with a priority.
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

    /**
     * Has no worker take a job from the lane until `resume`. What runs goes on, and new jobs wait in line. Each worker asks Redis, so it holds
     * for all workers at once, and for those that are started later.
     */
    async pause(lane: string): Promise<void> {
      await queue(lane).pause();
    },

    async resume(lane: string): Promise<void> {
      await queue(lane).resume();
    },

    /** A page of the jobs of a lane that are in one state: see `laneJobs`. */
    jobs: (page: JobsPage) => laneJobs(redis, keys, page),

    /** For how long the lane still gives out no job because its upstream's rate limit is reached, in milliseconds; 0 for an open lane. */
    async closedMs(lane: string): Promise<number> {
      return Math.max(await queue(lane).getRateLimitTtl(), 0);
    },

    async close(): Promise<void> {
      await Promise.all([...queues.values()].map((open) => open.close()));
    },
  };
}

export type Lanes = ReturnType<typeof createLanes>;
