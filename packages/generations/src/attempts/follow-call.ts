import type { Logger } from "@darkroom/runtime";
import type { LaneBackoff } from "@darkroom/queue";

/**
 * A rate limit refuses a call at once. A call that has run for so long, in milliseconds, was accepted. So a lane becomes faster before the
 * first image is there, which takes a minute.
 */
const refusedWithinMs = 5_000;

export type FollowCallOptions = {
  backoff: LaneBackoff;
  lane: string;
  /** Whether the lane backs off. One that does not has nothing to learn from a call that is accepted. */
  laneBacksOff: boolean;
  log: Logger;
};

/** Reports one call to the backoff of its lane. The call begins now. */
export function followCall({ backoff, lane, laneBacksOff, log }: FollowCallOptions) {
  const begunAtMs = performance.now();
  const begunAgoMs = () => performance.now() - begunAtMs;

  /** Never fails. Without the report a lane stays slow for longer, until the next call is reported. */
  async function accepted(ended: boolean): Promise<void> {
    if (!laneBacksOff) return;
    await backoff.accepted(lane, { begunAgoMs: begunAgoMs(), ended }).catch((error: unknown) => {
      log.warn({ lane, err: error }, "A lane could not be told that its upstream takes calls");
    });
  }

  const timer = setTimeout(() => void accepted(false), refusedWithinMs);

  return {
    /** The upstream accepted the call, and it has ended. */
    accepted: () => accepted(true),

    /** The upstream's rate limit refused the call. Answers for how long the lane is closed, in milliseconds. May be repeated. */
    refused: (retryAfterMs: number | undefined): Promise<number> =>
      backoff.refused(lane, { begunAgoMs: begunAgoMs(), retryAfterMs }),

    /** Stops following the call. */
    end: (): void => clearTimeout(timer),
  };
}
