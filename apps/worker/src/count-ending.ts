import type { Metrics } from "@darkroom/runtime";
import type { AttemptEnding, GenerationRecord } from "@darkroom/generations";

export type CountEndingOptions = {
  metrics: Pick<
    Metrics,
    "unpricedGenerations" | "billedMicros" | "unbilledGenerations" | "generations" | "generationDuration"
  >;
  /** Unix milliseconds. */
  now?: () => number;
};

type Counted = Pick<GenerationRecord, "model" | "tenant" | "keyId" | "lane" | "queuedAtMs">;

/** Returns the function that counts what generations came to, when it stands in the ledger. */
export function createCountEnding({ metrics, now = Date.now }: CountEndingOptions) {
  return ({ model, tenant, keyId, lane, queuedAtMs }: Counted, { status, bill, unbilled }: AttemptEnding): void => {
    metrics.generations.inc({ model, ending: status });
    // The clock of this worker may be behind that of Redis.
    metrics.generationDuration.observe({ lane, ending: status }, Math.max(now() - queuedAtMs, 0) / 1_000);
    if (unbilled) metrics.unbilledGenerations.inc({ model, tenant, keyId });
    if (bill === null) return;
    if (bill.costMicros === null) metrics.unpricedGenerations.inc({ model });
    else metrics.billedMicros.inc({ model }, bill.costMicros);
  };
}
