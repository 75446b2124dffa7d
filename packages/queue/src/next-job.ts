import { defineScript, type Keys } from "@darkroom/redis";
import { raw2NextJobData } from "bullmq";
import type { Redis } from "ioredis";
import { z } from "zod";

/** What `next_job` answers (next-job.lua): a job with its hash, or when there may be one. */
const nextJobSchema = z.union([
  z.tuple([z.array(z.string()), z.string(), z.int(), z.int()]),
  z.tuple([z.array(z.string()), z.string(), z.int(), z.int(), z.array(z.string())]),
  z.tuple([z.literal(0), z.literal(0), z.int(), z.int()]),
]);

export type NextJob = z.output<typeof nextJobSchema>;

/**
 * What `finish_job` answers (finish-job.lua), and `kept` from a script that has not called it. Without a next job: the worker takes no
 * more.
 */
export const jobFinishedSchema = z.union([
  z.tuple([z.literal("finished"), z.union([nextJobSchema, z.tuple([])])]),
  z.tuple([z.enum(["lost", "kept"]), z.tuple([])]),
  z.tuple([z.literal("fault"), z.string()]),
]);

export type JobFinished = z.output<typeof jobFinishedSchema>;

/** What names a worker to `next_job`, then whether it takes another job. */
export type FinishArguments = readonly [
  token: string,
  lockDurationMs: number,
  nowMs: number,
  hashBeside: string,
  fetches: "0" | "1",
];

/**
 * Makes a write that also takes the job of the run off its lane: `write` passes the arguments to a script that ends with `finish_job`, and
 * answers what that answers, beside its own answer. May be called again where a write was refused.
 */
export type FinishJob = <Answer>(write: (job: FinishArguments) => Promise<[Answer, JobFinished]>) => Promise<Answer>;

/** The same write for work that no job stands for. */
export const withoutJob: FinishJob = async (write) => (await write(["", 0, 0, "", "0"]))[0];

const fetchJob = defineScript(new URL("scripts/fetch-job.lua", import.meta.url), nextJobSchema);

export type NextJobsOptions = {
  redis: Redis;
  keys: Keys;
  lane: string;
  lockDurationMs: number;
  /** Begins the name of the hash that is read with a job; the job's id follows. Absent: none is read. */
  hashBeside?: string | undefined;
};

/** The jobs of one lane as its worker fetches and finishes them. */
export function createNextJobs({ redis, keys, lane, lockDurationMs, hashBeside = "" }: NextJobsOptions) {
  /** The hashes of jobs that were fetched and are not begun, at most one for each slot of the worker. */
  const hashes = new Map<string, readonly string[]>();

  /** As BullMQ's worker takes it. */
  function toBullmq(next: NextJob | []): unknown[] {
    const [, id, , , hash] = next;
    if (typeof id === "string" && hash !== undefined) hashes.set(id, hash);
    return raw2NextJobData([...next]);
  }

  return {
    /** Fetches the next job, as BullMQ's own `moveToActive` does. */
    fetch: async (token: string): Promise<unknown[]> =>
      toBullmq(await fetchJob(redis, [keys.lane(lane)], [token, lockDurationMs, Date.now(), hashBeside])),

    /** The hash that was read with a job; null where none was. It is answered once. */
    takeHash(id: string): readonly string[] | null {
      const hash = hashes.get(id) ?? null;
      hashes.delete(id);
      return hash;
    },

    /** The arguments of a script that finishes a job. */
    finishArguments: (token: string, fetches: boolean): FinishArguments => [
      token,
      lockDurationMs,
      Date.now(),
      hashBeside,
      fetches ? "1" : "0",
    ],

    toBullmq,
  };
}
