import { createTicker } from "@darkroom/runtime";

/** The hold of this worker on one task, from the moment that it gets the task to the moment that it loses it. */
export type TaskLease = {
  /** The lane or slice of its kind that the task is. */
  part: string;
  /** The name of the task in Redis: `kind:part`. */
  task: string;
  /**
   * Grows from owner to owner. Two owners at once do no harm in any task of today. A script in which they would is given `task` and `fence`,
   * and compares the fence with the last word of the lease, as `holds-task-lease.fixture.ts` does.
   */
  fence: string;
  /** Aborted when the lease is lost, when another worker is to have the task, and when this worker stops. */
  signal: AbortSignal;
  /**
   * Whether this worker still holds the task, by its own monotonic clock. Unlike `signal` it is right in the first moment after the process
   * was frozen. Ask it before each page, and before each write that a second owner should not make.
   */
  isHeld: () => boolean;
};

export type OwnedTaskOptions = {
  /** Letters and hyphens. All workers that run a kind share its tasks. */
  kind: string;
  /** The lanes or slices that the kind is divided into, without spaces; one where it is not divided. */
  parts: readonly string[];
  /** The pause between two ticks of one part, in milliseconds. */
  everyMs: number;
  /**
   * Does what is due of one part. It is called at once when this worker gets the part, then every so often, and never twice at a time for a
   * part in this process. Let it return soon after `lease.signal` is aborted, because the next owner waits for that.
   */
  tick: (lease: TaskLease) => Promise<void>;
  /** Is called with what a tick throws, unless the tick was broken off. */
  onError: (error: unknown, lease: TaskLease) => void;
  /** The longest pause after ticks that failed, in milliseconds: half a minute by default. */
  maxPauseMs?: number;
};

/** Why a hold ends: the reason of its signal. */
type HoldEnd = "lost" | "to yield" | "overlong" | "stopping";

/** What a hold is of, and what it tells. */
export type TaskHoldOptions = {
  task: string;
  fence: string;
  /** Until when the leases of this worker last, by `performance.now()`. */
  leaseEndMs: () => number;
  /** How long a tick may take, in milliseconds. */
  maxTickMs: number;
  /** Is called when a tick has succeeded. */
  onSuccess: () => void;
  /** Is called when a tick has failed that was not broken off. */
  onFailure: () => void;
  /** Is called when a tick has taken longer than it may, and goes on. */
  onOverlong: () => void;
};

/** One hold of a task in this process, and its ticks. */
export type TaskHold = {
  lease: TaskLease;
  /** Ticks at once. */
  wake: () => void;
  /** Breaks off the tick that is under way, and begins no other. */
  end: (why: HoldEnd) => void;
  /** Resolves when the tick that was under way at the end has ended. */
  settled: () => Promise<void>;
};

/** Begins to tick a task. */
export function createTaskHold(
  { kind, everyMs, tick, onError, maxPauseMs }: OwnedTaskOptions,
  { task, fence, leaseEndMs, maxTickMs, onSuccess, onFailure, onOverlong }: TaskHoldOptions,
): TaskHold {
  const controller = new AbortController();
  const { signal } = controller;
  const isHeld = () => !signal.aborted && performance.now() < leaseEndMs();
  const lease: TaskLease = { part: task.slice(kind.length + 1), task, fence, signal, isHeld };

  let underWay = Promise.resolve();
  let overlong: NodeJS.Timeout | undefined;
  const tickWhileHeld = async () => {
    if (!isHeld()) return;
    overlong = setTimeout(onOverlong, maxTickMs);
    const ticked = tick(lease);
    underWay = ticked.catch(() => {}).finally(() => clearTimeout(overlong));
    await ticked;
    onSuccess();
  };
  const ticker = createTicker({
    everyMs,
    tick: tickWhileHeld,
    onError: (error) => {
      if (!isHeld()) return;
      onError(error, lease);
      onFailure();
    },
    ...(maxPauseMs !== undefined && { maxPauseMs }),
  });
  ticker.wake();

  return {
    lease,
    wake: () => ticker.wake(),
    end(why) {
      controller.abort(why);
      // A task that is to go to another worker must not wait for a tick that hangs.
      if (why === "lost" || why === "stopping") clearTimeout(overlong);
      void ticker.close();
    },
    settled: () => underWay,
  };
}
