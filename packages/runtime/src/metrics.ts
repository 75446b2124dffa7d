import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { createModelCounter } from "./model-counter.ts";
import { createUnbilledCounter } from "./unbilled-counter.ts";

export type MetricsOptions = {
  /** Also tell of the process itself: memory, CPU, event loop, garbage collection. One registry of a process does; it is measured all the time. */
  ofProcess: boolean;
};

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * The counters of a process, for Prometheus. All of them stand here. A label is a code of our error table or a model, of which two hundred
 * are told apart, or the id and tenant of a key, likewise, so that their number is bounded: never a key itself or anything else that a
 * caller wrote.
 */
export function createMetrics({ ofProcess }: MetricsOptions) {
  const registry = new Registry();
  const contentType: string = registry.contentType;
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const byModel = (name: string, help: string) => createModelCounter(name, help, registry);
  return {
    unpricedGenerations: byModel(
      "darkroom_unpriced_generations_total",
      "Generations that delivered images for which a price is missing.",
    ),
    cappedGenerations: byModel(
      "darkroom_capped_generations_total",
      "Generations that would have cost more than the worst case that was reserved for them.",
    ),
    billedMicros: byModel(
      "darkroom_billed_micros_total",
      "What generations cost their tenants, in millionths of a dollar. A restart counts anew: bill by the ledger.",
    ),
    unbilledGenerations: createUnbilledCounter(registry),
    repeatedImages: byModel(
      "darkroom_repeated_images_total",
      "Images asked of a provider again after a worker died, or stopped, in the middle of a call: they may have been bought before.",
    ),
    rateLimitedCalls: byModel(
      "darkroom_rate_limited_calls_total",
      "Calls that a provider refused for its rate limit. Each makes its lane back off; none counts as an attempt.",
    ),
    storeRefusing: new Gauge({
      name: "darkroom_store_refusing",
      help: "1 while the object store refuses what this worker writes, and it begins no generation; else 0.",
      registers: [registry],
    }),
    refusedRequests: new Counter({
      name: "darkroom_refused_requests_total",
      help: "Requests that were answered with an error, by its code.",
      labelNames: ["code"],
      registers: [registry],
    }),
    /** What a scraper is answered with. */
    contentType,
    render: () => registry.metrics(),
  };
}
