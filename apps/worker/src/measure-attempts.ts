import type { Work } from "@darkroom/generations";
import type { Metrics } from "@darkroom/runtime";
import type { ServiceTimes } from "./service-times.ts";

export type MeasureAttemptsOptions = {
  metrics: Pick<Metrics, "queueWait">;
  serviceTimes: Pick<ServiceTimes, "observe">;
};

/**
 * Returns the function that measures the work of a lane: how long generations wait for their first attempt, and how long an attempt holds a
 * slot. An attempt that the upstream's rate limit refuses is neither a beginning nor a use of a slot.
 */
export function createMeasureAttempts({ metrics, serviceTimes }: MeasureAttemptsOptions) {
  return (lane: string, work: Work): Work =>
    async (attempt) => {
      const sinceMs = performance.now();
      const outcome = await work(attempt);
      if (outcome.kind === "retry" && outcome.rateLimited === "wholly") return outcome;
      serviceTimes.observe(lane, performance.now() - sinceMs);
      const { attempts, handbacks, failures, queuedAtMs, startedAtMs } = attempt.record;
      const isFirst = failures === 0 && attempts === handbacks + 1;
      // Both are times of the clock of Redis.
      if (isFirst && startedAtMs !== null) metrics.queueWait.observe({ lane }, (startedAtMs - queuedAtMs) / 1_000);
      return outcome;
    };
}
