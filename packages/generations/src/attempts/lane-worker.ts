import type { Keys, Quarantine } from "@darkroom/redis";
import { createLaneBackoff, type Lanes, workOffLane, type WorkOffLaneOptions } from "@darkroom/queue";
import { recordOf } from "../records/attempt-store.ts";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { UnreadableRecord } from "../records/unreadable-record.ts";
import type { Work } from "./outcome.ts";
import { runAttempt, type RunAttemptOptions } from "./run-attempt.ts";

export type LaneWorkerOptions = Omit<WorkOffLaneOptions, "hashBeside"> &
  Omit<RunAttemptOptions, "onUnreadable" | "backoff"> & {
    lanes: Lanes;
    keys: Pick<Keys, "record">;
    quarantine: Pick<Quarantine, "setAside">;
    /** Called before each attempt. False: this worker must not begin one, and the job goes back. */
    mayBegin?: () => Promise<boolean>;
    /** Called before each attempt with its record: see `Admission`. Absent: `work` does the attempt. */
    admit?: (record: GenerationRecord) => Promise<Admission>;
  };

/**
 * Milliseconds after which the job is to come back, because nothing has room for it now; or what does the attempt. `release` is called when
 * the attempt has ended, or was not begun.
 */
export type Admission = number | { work: Work; release(): Promise<void> };

/** How long a job that this worker must not begin is delayed, in milliseconds. Another worker may take it after that. */
const putBackMs = 1_000;

/** A worker with free slots that has fetched none of the waiting jobs for this long is stuck. */
const stuckAfterMs = 60_000;

/** How many unreadable generations are remembered, by an id of 30 bytes. */
const maxUnreadable = 10_000;
/** An unreadable job comes back every few seconds. In so many milliseconds the quarantine hears of it once. */
const setAsideEveryMs = 600_000;

/** Works off one lane of generations. */
export function createLaneWorker(options: LaneWorkerOptions) {
  const { keys, lanes, lane, concurrency, quarantine, mayBegin, admit } = options;
  /** When each was set aside, by `performance.now()`. */
  const unreadable = new Map<string, number>();
  const onUnreadable = (error: UnreadableRecord) => {
    const { id } = error;
    const nowMs = performance.now();
    if (nowMs < (unreadable.get(id) ?? -Infinity) + setAsideEveryMs) return;
    if (unreadable.size === maxUnreadable) unreadable.clear();
    unreadable.set(id, nowMs);
    // Its job waits on its lane. The script that ends it takes it out.
    void quarantine.setAside({ kind: "attempt", id, error, record: keys.record(id) });
  };
  const backoff = createLaneBackoff(options);
  let lastFetchAtMs = Date.now();

  const laneOptions = { ...options, hashBeside: keys.record("") };
  const { worker, running, interrupt, refusal, close } = workOffLane(laneOptions, async (id, signal, held) => {
    lastFetchAtMs = Date.now();
    if (mayBegin !== undefined && !(await mayBegin())) return putBackMs;
    const own = { ...options, backoff, onUnreadable };
    const record = admit === undefined || held.hash === null ? null : readableRecord(held.hash);
    if (admit === undefined || record === null) return runAttempt(own, id, signal, held);
    const admission = await admit(record);
    if (typeof admission === "number") return admission;
    try {
      return await runAttempt({ ...own, work: admission.work }, id, signal, held);
    } finally {
      await admission.release();
    }
  });

  return {
    lane,

    /** Jobs at a time. */
    concurrency,

    /** Whether no job is fetched, because `pause` was called. */
    isPaused: (): boolean => worker.isPaused(),

    /** The generations that are being worked on. */
    active: running,

    /** Aborts the work on a generation that was canceled. Does nothing for one that this process does not run. */
    cancel: (id: string): void => interrupt(id, "canceled"),

    /** Resolves when the lane is being worked off. */
    ready: (): Promise<void> => worker.waitUntilReady(),

    /** The error with which Redis refused the latest call for a job; null while it answers. */
    refusal,

    /** A sentence when jobs wait, slots are free and yet nothing has been fetched for a minute; null when all is well. */
    async stuck(): Promise<string | null> {
      const idleMs = Date.now() - lastFetchAtMs;
      if (worker.isPaused() || running().length >= concurrency || idleMs < stuckAfterMs) return null;
      const [{ waiting, paused }, closedMs] = await Promise.all([lanes.depth(lane), lanes.closedMs(lane)]);
      // A worker that backs off from its upstream is not stuck.
      if (closedMs > 0) lastFetchAtMs = Date.now();
      if (waiting === 0 || paused || closedMs > 0) return null;
      return `Lane ${lane}: ${waiting} jobs wait, ${concurrency - running().length} slots are free, and nothing was fetched for ${idleMs} ms.`;
    },

    /** Fetches no job until `resume`. Running attempts go on. */
    pause: (): void => void worker.pause(true),

    resume(): void {
      // During the pause the worker was not stuck.
      lastFetchAtMs = Date.now();
      void worker.resume();
    },

    /** Stops, and lets what runs finish until the deadline, in milliseconds: see `LaneWork`. */
    close,
  };
}

/** Null for a record that an attempt cannot read either: it says why. */
function readableRecord(hash: readonly string[]): GenerationRecord | null {
  try {
    return recordOf(hash);
  } catch {
    return null;
  }
}

export type LaneWorker = ReturnType<typeof createLaneWorker>;
