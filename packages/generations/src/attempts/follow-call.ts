import type { Logger } from "@darkroom/runtime";
import type { LaneBackoff } from "@darkroom/queue";

/**
 * A refusal for a rate limit comes at once. A call that is under way for so long, in milliseconds, was taken: a lane need not wait for the
 * first image, which takes a minute, to become faster.
 */
const refusedWithinMs = 5_000;

/** Tells the backoff of a lane what becomes of one call, from its beginning, which is now. */
export function followCall({ backoff, lane, log }: { backoff: LaneBackoff; lane: string; log: Logger }) {
  const begunAtMs = performance.now();
  const begunAgoMs = () => performance.now() - begunAtMs;

  /** Never fails: a lane that does not hear of it is slow for longer, and the next call tells it. */
  async function accepted(ended: boolean): Promise<void> {
    await backoff.accepted(lane, { begunAgoMs: begunAgoMs(), ended }).catch((error: unknown) => {
      log.warn({ lane, err: error }, "A lane could not be told that its upstream takes calls");
    });
  }

  const timer = setTimeout(() => void accepted(false), refusedWithinMs);

  return {
    /** The upstream took the call, and it has ended. */
    accepted: () => accepted(true),

    /** The upstream's rate limit refused the call. Answers for how long the lane is closed, in milliseconds. May be repeated. */
    refused: (retryAfterMs: number | undefined): Promise<number> =>
      backoff.refused(lane, { begunAgoMs: begunAgoMs(), retryAfterMs }),

    /** Follows it no longer. */
    end: (): void => clearTimeout(timer),
  };
}
