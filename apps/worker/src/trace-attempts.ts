import type { FollowAttempt, Outcome, Work } from "@darkroom/generations";
import { messagingAttributes, type Tracer } from "@darkroom/tracing";

/**
 * Gives each attempt at a generation a span, from its beginning in the record to its settlement, in the trace of the request that made the
 * generation. Attempts of one generation are side by side in it, in whatever workers they run.
 */
export const traceAttempts =
  (tracer: Tracer): FollowAttempt =>
  (record, run) => {
    const { id, tenant, keyId, lane, model, batchId, lineIndex, attempts, failures, queuedAtMs, startedAtMs } = record;
    const attributes = {
      ...messagingAttributes({ type: "process", destination: lane, id }),
      "darkroom.generation.id": id,
      "darkroom.tenant": tenant,
      "darkroom.key.id": keyId,
      "darkroom.model": model,
      "darkroom.batch.id": batchId ?? undefined,
      "darkroom.batch.line": lineIndex ?? undefined,
      "darkroom.attempt": attempts,
      "darkroom.attempt.failures_before": failures,
      // Both by the clock of Redis. Of the first attempt alone it is the time in the lane.
      "darkroom.queue.wait_ms": attempts === 1 && startedAtMs !== null ? startedAtMs - queuedAtMs : undefined,
    };
    const logFields = { generationId: id };
    return tracer.within(
      { name: `process ${lane}`, kind: "consumer", parent: record.trace, attributes, logFields },
      run,
    );
  };

/** Returns `work`, which notes in the span of its attempt what came of it. */
export function noteOutcome(tracer: Tracer, work: Work): Work {
  if (!tracer.isOn) return work;
  return async (attempt) => {
    const span = tracer.active();
    try {
      const outcome = await work(attempt);
      span.set({ "darkroom.outcome": nameOf(outcome) });
      if (outcome.kind !== "succeeded") span.fail(outcome.error.code);
      return outcome;
    } catch (error) {
      const { reason, aborted } = attempt.signal;
      span.set({ "darkroom.outcome": aborted ? String(reason) : "broken" });
      span.fail(aborted ? String(reason) : "server_error");
      throw error;
    }
  };
}

const nameOf = (outcome: Outcome): string =>
  outcome.kind === "retry" && outcome.rateLimited !== undefined ? "rate_limited" : outcome.kind;
