import { type Generation, isEnding } from "@darkroom/contracts";

/** No provider is quicker than this, so asking sooner is for nothing. */
const leastSeconds = 2;
/** A line can become short all at once: workers are added, others cancel. */
const mostSeconds = 30;

/** In how many seconds it is worth asking for a generation again, for `Retry-After`; null where it has ended. */
export function pollAfterSeconds({ status, queue }: Generation, nowMs: number): number | null {
  if (isEnding(status)) return null;
  const startAt = queue?.estimated_start_at ?? 0;
  return Math.min(Math.max(Math.ceil(startAt - nowMs / 1_000), leastSeconds), mostSeconds);
}
