import { Counter, type Registry } from "prom-client";

/**
 * More models than any catalogue has, and as many keys as an operator looks at one by one. Each is a series that a process keeps, and that
 * Prometheus keeps for weeks.
 */
const mostNames = 200;

/** Returns the function that tells whether a name is among the first two hundred that it was asked about. */
function createFirstNames(): (name: string) => boolean {
  const names = new Set<string>();
  return (name) => {
    if (names.size < mostNames) names.add(name);
    return names.has(name);
  };
}

export type ModelCounterOptions = {
  name: string;
  help: string;
  /** Labels beside `model`, of few values each. */
  labelNames?: readonly string[];
  registry: Registry;
};

/**
 * A counter by model. Where an operator serves models that the catalogue does not know, callers make up names, and their number has no
 * bound: those after the first two hundred of a process are counted together, as `other`.
 */
export function createModelCounter({ name, help, labelNames = [], registry }: ModelCounterOptions) {
  const counter = new Counter({ name, help, labelNames: ["model", ...labelNames], registers: [registry] });
  const isNamed = createFirstNames();
  return {
    inc({ model, ...labels }: { model: string } & Record<string, string>, value = 1): void {
      counter.inc({ ...labels, model: isNamed(model) ? model : "other" }, value);
    },
  };
}

/** Of whom and with what a generation was asked for. */
type Unbilled = { model: string; tenant: string; keyId: string };

/**
 * Counts generations that cost their tenants nothing though a provider may have charged: by model, and apart from that by API key, so that
 * their numbers do not multiply. The first two hundred keys of a process have a series each, the others one together; every entry of the
 * ledger names its own.
 */
export function createUnbilledCounter(registry: Registry) {
  const byModel = createModelCounter({
    name: "darkroom_unbilled_generations_total",
    help: "Generations that were canceled while they ran, or failed, and cost their tenants nothing though the provider may have charged.",
    registry,
  });
  const byKey = new Counter({
    name: "darkroom_unbilled_generations_by_key_total",
    help: "The same by API key: its tenant and its id. Of the keys after the first two hundred of a process both are other.",
    labelNames: ["tenant", "key_id"],
    registers: [registry],
  });
  const isNamed = createFirstNames();
  return {
    inc({ model, tenant, keyId }: Unbilled): void {
      byModel.inc({ model });
      byKey.inc(isNamed(keyId) ? { tenant, key_id: keyId } : { tenant: "other", key_id: "other" });
    },
  };
}
