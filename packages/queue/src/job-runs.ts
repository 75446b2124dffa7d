import { defineScript, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { type Logger, createTicker } from "@darkroom/runtime";

/** Why a run is aborted: its lock was lost, its worker stops, or its generation was canceled. */
export type Interruption = "lock lost" | "stopping" | "canceled";

export type JobRunsOptions = {
  redis: Redis;
  keys: Keys;
  lane: string;
  /** How long a lock lasts that is not renewed, in milliseconds. */
  lockDurationMs: number;
  /** Called when Redis has renewed locks. */
  onRenewed: () => void;
  log: Logger;
};

/** One run of a job in this process. */
export type JobRun = {
  id: string;
  /** Aborted with an `Interruption`. */
  signal: AbortSignal;
  /** Resolves when an earlier run of the same job has ended, at once where there is none. The earlier run is told that its lock is lost. */
  alone: Promise<void>;
  /**
   * Call it before a script finishes the job. The lock is renewed still, because Redis may refuse the script. But a lock that is gone says
   * nothing any more: the script may have released it.
   */
  finish: () => void;
  /** Call it when the run has ended. */
  end: () => void;
};

const renewLocks = defineScript(new URL("scripts/renew-locks.lua", import.meta.url), z.array(z.string()));

/** Renewals within the time that a lock lasts: two may fail. */
const renewalsPerLock = 3;

/**
 * The runs of jobs of one lane in this process, and their locks. BullMQ keeps both by the id of the job. But a job whose lock was lost may
 * come back to the same process while its former run still works; the end of the former run would then stop the renewal of the new run's
 * lock. Here a lock belongs to a run.
 */
export function createJobRuns({ redis, keys, lane, lockDurationMs, onRenewed, log }: JobRunsOptions) {
  type Run = { id: string; token: string; controller: AbortController; ended: Promise<void>; isFinishing: boolean };
  const runs = new Set<Run>();
  const base = keys.lane(lane);

  async function renew(): Promise<void> {
    const held = [...runs].filter(({ controller }) => controller.signal.reason !== "lock lost");
    if (held.length === 0) return;
    const names = held.flatMap(({ id, token }) => [id, token]);
    const lost = new Set(
      await renewLocks(redis, [`${base}active`, `${base}stalled`], [base, lockDurationMs, ...names]),
    );
    onRenewed();
    for (const { id, token, controller, isFinishing } of held) {
      if (!lost.has(token) || isFinishing) continue;
      log.warn({ lane, job: id }, "The lock of a job was lost; its run is broken off");
      controller.abort("lock lost" satisfies Interruption);
    }
  }

  const renewEveryMs = lockDurationMs / renewalsPerLock;
  const renewals = createTicker({
    everyMs: renewEveryMs,
    tick: renew,
    onError: (error) => log.warn({ lane, err: error }, "Locks could not be renewed"),
    // A lock that is renewed less often runs out.
    maxPauseMs: renewEveryMs,
  });

  return {
    /** How often locks are renewed, in milliseconds. */
    renewEveryMs,

    /** Renews the locks of all runs now, and tells those that have lost theirs. */
    renew,

    /** Notes that a run of a job begins, under the token by which BullMQ has locked the job for it. */
    begin(id: string, token: string): JobRun {
      const former = [...runs].filter((run) => run.id === id);
      for (const { controller } of former) controller.abort("lock lost" satisfies Interruption);
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const controller = new AbortController();
      const run: Run = { id, token, controller, ended, isFinishing: false };
      runs.add(run);
      return {
        id,
        signal: controller.signal,
        alone: Promise.all(former.map((one) => one.ended)).then(() => {}),
        finish() {
          run.isFinishing = true;
        },
        end() {
          runs.delete(run);
          resolve();
        },
      };
    },

    /** The jobs that run now. */
    ids: (): string[] => [...new Set([...runs].map(({ id }) => id))],

    /** Aborts the runs of a job, or of all jobs where no job is named. */
    interrupt(why: Interruption, id?: string): void {
      for (const run of runs) if (id === undefined || run.id === id) run.controller.abort(why);
    },

    /** Resolves when all current runs have ended. */
    async settled(): Promise<void> {
      await Promise.all([...runs].map(({ ended }) => ended));
    },

    /** Stops the renewal of locks. */
    close: (): Promise<void> => renewals.close(),
  };
}
