import type { Metrics } from "@darkroom/observe";
import type { AttemptEnding } from "@darkroom/queue";

export type CountEndingOptions = {
  metrics: Pick<Metrics, "unpricedGenerations" | "billedMicros" | "unbilledGenerations">;
};

/** Returns the function that counts what generations came to, when it stands in the ledger. */
export function createCountEnding({ metrics }: CountEndingOptions) {
  return ({ model }: { model: string }, { bill, unbilled }: AttemptEnding): void => {
    if (unbilled) metrics.unbilledGenerations.inc({ model });
    if (bill === null) return;
    if (bill.costMicros === null) metrics.unpricedGenerations.inc({ model });
    else metrics.billedMicros.inc({ model }, bill.costMicros);
  };
}
