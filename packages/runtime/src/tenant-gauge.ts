import type { Registry } from "prom-client";
import { createScrapedGauge } from "./scraped-gauge.ts";

/** What each tenant has or takes, in the unit of the metric. A tenant with nothing may be left out. */
export type TenantAmounts = ReadonlyMap<string, number>;

type ReadAmounts = () => TenantAmounts | Promise<TenantAmounts>;

/** As many as an operator looks at. The eleventh is in the rest, and no tenant that takes much is behind ten that take more. */
const told = 10;

/** Of all tenants beyond those. No tenant can have this name. */
const rest = "(rest)";

export type TenantGaugeOptions = { name: string; help: string; registry: Registry };

/**
 * A gauge by tenant, of the ten largest and the sum of all others, so that its series are bounded however many tenants there are. It is a
 * gauge and not a counter because a tenant leaves it when it is not among the ten any more: a counter that goes away, comes back and
 * whose rest falls would be read as a process that has started anew.
 *
 * It has no series before `readFrom` was called, and none while the source rejects: what cannot be read is no reason for `/metrics` to fail.
 */
export function createTenantGauge(options: TenantGaugeOptions) {
  const gauge = createScrapedGauge({ ...options, labelNames: ["tenant"] });
  return {
    /** Has the gauge ask `read` at each scrape. */
    readFrom(read: ReadAmounts): void {
      gauge.readFrom(async () =>
        largestAndRest(await read()).map(([tenant, value]) => ({ labels: { tenant }, value })),
      );
    },
  };
}

function largestAndRest(amounts: TenantAmounts): [tenant: string, amount: number][] {
  const largest = [...amounts].filter(([, amount]) => amount > 0).toSorted(([, a], [, b]) => b - a);
  const others = largest.splice(told).reduce((sum, [, amount]) => sum + amount, 0);
  return others > 0 ? [...largest, [rest, others]] : largest;
}
