import { createLaneBackoff, type Lanes, workOffLane, type WorkOffLaneOptions } from "@darkroom/queue";
import type { UnreadableRecord } from "../records/unreadable-record.ts";
import { runAttempt, type RunAttemptOptions } from "./run-attempt.ts";

export type LaneWorkerOptions = WorkOffLaneOptions &
  Omit<RunAttemptOptions, "onUnreadable" | "backoff"> & {
    lanes: Lanes;
    /** Asked before each attempt. False: this worker must begin none, and the job goes back unbegun. */
    mayBegin?: () => Promise<boolean>;
  };

/** How long a job that this worker must not begin stays away from the lane, in milliseconds: another worker may take it then. */
const putBackMs = 1_000;

/** Free slots and waiting jobs, and nothing fetched for this long: the worker looks alive and is not. */
const stuckAfterMs = 60_000;

/** So many unreadable generations are remembered, to log each of them once: it is told apart by its id, 30 bytes. */
const maxUnreadable = 10_000;

/** Works off one lane of generations. */
export function createLaneWorker(options: LaneWorkerOptions) {
  const { lanes, lane, concurrency, mayBegin, log } = options;
  const unreadable = new Set<string>();
  const onUnreadable = (error: UnreadableRecord) => {
    if (unreadable.has(error.id)) return;
    if (unreadable.size === maxUnreadable) unreadable.clear();
    unreadable.add(error.id);
    log.error({ lane, generationId: error.id, err: error }, "A generation is left to workers of another release");
  };
  const backoff = createLaneBackoff(options);
  let lastFetchAtMs = Date.now();

  const { worker, running, interrupt, refusal, close } = workOffLane(options, async (id, signal) => {
    lastFetchAtMs = Date.now();
    if (mayBegin !== undefined && !(await mayBegin())) return putBackMs;
    return runAttempt({ ...options, backoff, onUnreadable }, id, signal);
  });
  worker.on("stalled", (id) =>
    log.warn({ lane, generationId: id }, "A worker fell silent; its generation is begun again"),
  );

  return {
    lane,

    /** The generations that are being worked on. */
    active: running,

    /** Aborts the work on a generation that was canceled; nothing happens where it is not run here. */
    cancel: (id: string): void => interrupt(id, "canceled"),

    /** Resolves when the lane is being worked off. */
    ready: (): Promise<void> => worker.waitUntilReady(),

    /** What Redis refused the last question for a job with; null while it answers. */
    refusal,

    /** A sentence when jobs wait, slots are free and yet nothing has been fetched for a minute; null when all is well. */
    async stuck(): Promise<string | null> {
      const idleMs = Date.now() - lastFetchAtMs;
      if (worker.isPaused() || running().length >= concurrency || idleMs < stuckAfterMs) return null;
      const [{ waiting, paused }, closedMs] = await Promise.all([lanes.depth(lane), lanes.closedMs(lane)]);
      // Backing off from the upstream is no silence of this worker.
      if (closedMs > 0) lastFetchAtMs = Date.now();
      if (waiting === 0 || paused || closedMs > 0) return null;
      return `Lane ${lane}: ${waiting} jobs wait, ${concurrency - running().length} slots are free, and nothing was fetched for ${idleMs} ms.`;
    },

    /** Fetches no job until `resume`. What runs goes on. */
    pause: (): void => void worker.pause(true),

    resume(): void {
      // The pause before is no silence of this worker.
      lastFetchAtMs = Date.now();
      void worker.resume();
    },

    /** Stops, and lets what runs finish until the deadline, in milliseconds: see `LaneWork`. */
    close,
  };
}

export type LaneWorker = ReturnType<typeof createLaneWorker>;
