import { defineScript, type Keys } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
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
const giveBackUnheard = defineScript(new URL("scripts/give-back-unheard.lua", import.meta.url), z.int());

export type NextJobsOptions = {
  redis: Redis;
  keys: Keys;
  lane: string;
  lockDurationMs: number;
  /** Begins the name of the hash that is read with a job; the job's id follows. Absent: none is read. */
  hashBeside?: string | undefined;
  log: Pick<Logger, "info" | "warn">;
};

/** A job that Redis has given to this process. */
type FetchedJob = {
  /** The hash that was read with it; null where none was. */
  hash: readonly string[] | null;
  /** When Redis was asked for it, in milliseconds by the clock of this process: it was locked no earlier. */
  askedAtMs: number;
};

/**
 * The jobs of one lane as its worker fetches and finishes them. A job that came with an answer which was lost would wait for the end of its
 * lock, half a minute by default. It is given back as soon as the connection is there again.
 */
export function createNextJobs({ redis, keys, lane, lockDurationMs, hashBeside = "", log }: NextJobsOptions) {
  /** The jobs that were fetched and are not begun, at most one for each slot of the worker. */
  const fetched = new Map<string, FetchedJob>();

  /** How often the connection has broken. A call that was under way then is sent again, and may be carried out twice. */
  let breaks = 0;
  const onClose = () => void breaks++;
  redis.on("close", onClose);
  const watchConnection = () => {
    const before = breaks;
    return () => breaks !== before;
  };
  /** Tokens of slots that may have been given a job without hearing of it. Each asks for its next job under the same token. */
  const inDoubt = new Set<string>();

  /** Gives back what the slot of a token has not heard of: all jobs but `known`. Never fails. */
  async function giveBack(token: string, known: string): Promise<void> {
    try {
      const jobs = await giveBackUnheard(redis, [keys.lane(lane)], [token, known]);
      if (jobs > 0)
        log.info({ lane, jobs }, "Jobs that came with a lost answer of Redis were given back to their lane");
    } catch (error) {
      const sentence =
        "Jobs that came with a lost answer of Redis could not be given back; they are found when their locks have run out";
      log.warn({ lane, err: error }, sentence);
    }
  }

  /** As BullMQ's worker takes it. `askedAtMs`: when Redis was asked for it, by the clock of this process. */
  function toBullmq(next: NextJob | [], askedAtMs: number): unknown[] {
    const [, id, , , hash] = next;
    if (typeof id === "string") fetched.set(id, { hash: hash ?? null, askedAtMs });
    return raw2NextJobData([...next]);
  }

  return {
    /** Fetches the next job, as BullMQ's own `moveToActive` does. */
    fetch: async (token: string): Promise<unknown[]> => {
      if (inDoubt.delete(token)) await giveBack(token, "");
      const hasBroken = watchConnection();
      const askedAtMs = Date.now();
      try {
        const next = await fetchJob(redis, [keys.lane(lane)], [token, lockDurationMs, askedAtMs, hashBeside]);
        if (hasBroken()) await giveBack(token, next[1] === 0 ? "" : next[1]);
        return toBullmq(next, askedAtMs);
      } catch (error) {
        if (hasBroken()) inDoubt.add(token);
        throw error;
      }
    },

    /** Answers a function that tells whether the connection has broken since. */
    watchConnection,

    /**
     * Notes that a call which was to finish the job of a token, and during which the connection broke, has found that job gone or in line again:
     * it may have been carried out before, and have brought another job.
     */
    doubt: (token: string): void => void inDoubt.add(token),

    /** What is known of a job that begins. It is answered once. */
    take(id: string): FetchedJob {
      const job = fetched.get(id) ?? { hash: null, askedAtMs: 0 };
      fetched.delete(id);
      return job;
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

    /** Stops to follow the connection. */
    close: (): void => void redis.off("close", onClose),
  };
}
