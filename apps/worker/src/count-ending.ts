import type { Metrics } from "@darkroom/runtime";
import type { AttemptEnding, GenerationRecord } from "@darkroom/generations";

export type CountEndingOptions = {
  metrics: Pick<Metrics, "unpricedGenerations" | "billedMicros" | "unbilledGenerations">;
};

type Counted = Pick<GenerationRecord, "model" | "tenant" | "keyId">;

/** Returns the function that counts what generations came to, when it stands in the ledger. */
export function createCountEnding({ metrics }: CountEndingOptions) {
  return ({ model, tenant, keyId }: Counted, { bill, unbilled }: AttemptEnding): void => {
    if (unbilled) metrics.unbilledGenerations.inc({ model, tenant, keyId });
    if (bill === null) return;
    if (bill.costMicros === null) metrics.unpricedGenerations.inc({ model });
    else metrics.billedMicros.inc({ model }, bill.costMicros);
  };
}
