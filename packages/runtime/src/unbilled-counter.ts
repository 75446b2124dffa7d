import { Counter, type Registry } from "prom-client";
import { createModelCounter } from "./model-counter.ts";

/** As many as keys that an operator looks at one by one. Each is a series that a process keeps, and that Prometheus keeps for weeks. */
const mostKeys = 200;

/** Of whom and with what a generation was asked for. */
export type Unbilled = { model: string; tenant: string; keyId: string };

/**
 * Counts generations that cost their tenants nothing though a provider may have charged: by model, and apart from that by API key, so that
 * their numbers do not multiply. The first two hundred keys of a process have a series each, the others one together; every entry of the
 * ledger names its own.
 */
export function createUnbilledCounter(registry: Registry) {
  const byModel = createModelCounter(
    "darkroom_unbilled_generations_total",
    "Generations that were canceled while they ran, or failed, and cost their tenants nothing though the provider may have charged.",
    registry,
  );
  const byKey = new Counter({
    name: "darkroom_unbilled_generations_by_key_total",
    help: "The same by API key: its tenant and its id. Of the keys after the first two hundred of a process both are other.",
    labelNames: ["tenant", "key_id"],
    registers: [registry],
  });
  const keys = new Set<string>();
  return {
    inc({ model, tenant, keyId }: Unbilled): void {
      byModel.inc({ model });
      if (keys.size < mostKeys) keys.add(keyId);
      byKey.inc(keys.has(keyId) ? { tenant, key_id: keyId } : { tenant: "other", key_id: "other" });
    },
  };
}
