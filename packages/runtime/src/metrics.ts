import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { createSpoolMetrics } from "./spool-metrics.ts";
import { createTenantGauge } from "./tenant-gauge.ts";

export type MetricsOptions = {
  /** Also tell of the process itself: memory, CPU, event loop, garbage collection. One registry of a process does; it is measured all the time. */
  ofProcess: boolean;
};

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * The counters of a process, for Prometheus. All of them stand here. A label is a code of our error table or a model, of which two hundred
 * are told apart, or the id and tenant of a key, likewise, so that their number is bounded: never a key itself or anything else that a
 * caller wrote. A gauge by tenant has the ten largest alone (docs/decisions/0044-shares-are-told-of-the-ten-largest.md).
 */
export function createMetrics({ ofProcess }: MetricsOptions) {
  const registry = new Registry();
  const contentType: string = registry.contentType;
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const byTenant = (name: string, help: string) => createTenantGauge({ name, help, registry });
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
      "What generations cost their tenants, in millionths of a dollar. A restart resets it: bill by the ledger.",
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
    spool: createSpoolMetrics(registry),
    quarantined: new Counter({
      name: "darkroom_quarantined_total",
      help: "What was set aside because it cannot be read, or the store refuses it, by what was to be done. It is tried again every ten minutes.",
      labelNames: ["kind"],
      registers: [registry],
    }),
    refusedRequests: new Counter({
      name: "darkroom_refused_requests_total",
      help: "Requests that were answered with an error, by its code.",
      labelNames: ["code"],
      registers: [registry],
    }),
    droppedConnections: new Counter({
      name: "darkroom_dropped_connections_total",
      help: "Connections that were closed unread because as many as MAX_CONNECTIONS were open.",
      registers: [registry],
    }),
    droppedLogLines: new Counter({
      name: "darkroom_dropped_log_lines_total",
      help: "Log lines that were dropped because standard output was read more slowly than they came.",
      registers: [registry],
    }),
    /** Who takes what. An api tells the first five, the last of them for all processes, and a worker the other two. */
    heldLines: byTenant(
      "darkroom_tenant_held_lines",
      "Requests that this process holds open for a tenant: waiting calls, streams and long polls.",
    ),
    reads: byTenant(
      "darkroom_tenant_reads",
      "Places that lists of a tenant have in this process: read, being answered, or resting after that.",
    ),
    readBytes: byTenant(
      "darkroom_tenant_read_bytes_last_minute",
      "What lists of a tenant had this process read in the last minute, in bytes.",
    ),
    sentBytes: byTenant(
      "darkroom_tenant_sent_bytes_last_minute",
      "What this process sent to a tenant in the last minute, in bytes: (none) without a key, for links say, (admin) for the admin's.",
    ),
    redisBytes: byTenant(
      "darkroom_tenant_redis_bytes",
      "About what generations of a tenant take of Redis, in bytes. Every api tells the same number: do not add them up.",
    ),
    drawingSlots: byTenant(
      "darkroom_tenant_drawing_slots",
      "Generations of a tenant that this worker works on, of its WORKER_CONCURRENCY for each lane.",
    ),
    webhookSlots: byTenant(
      "darkroom_tenant_webhook_slots",
      "Webhooks of a tenant that this worker posts, of its WEBHOOK_CONCURRENCY.",
    ),
    /** What a scraper is answered with. */
    contentType,
    render: () => registry.metrics(),
  };
}

/** More than any catalogue has. Each name is a series that a process keeps, and that Prometheus keeps for weeks. */
const mostModels = 200;

/**
 * A counter by model. Where an operator serves models that the catalogue does not know, callers make up names, and their number has no
 * bound: those after the first two hundred of a process are counted together, as `other`.
 */
function createModelCounter(name: string, help: string, registry: Registry) {
  const counter = new Counter({ name, help, labelNames: ["model"], registers: [registry] });
  const models = new Set<string>();
  return {
    inc({ model }: { model: string }, value = 1): void {
      if (models.size < mostModels) models.add(model);
      counter.inc({ model: models.has(model) ? model : "other" }, value);
    },
  };
}

/** As many as keys that an operator looks at one by one. Each is a series that a process keeps, and that Prometheus keeps for weeks. */
const mostKeys = 200;

/** Of whom and with what a generation was asked for. */
type Unbilled = { model: string; tenant: string; keyId: string };

/**
 * Counts generations that cost their tenants nothing though a provider may have charged: by model, and apart from that by API key, so that
 * their numbers do not multiply. The first two hundred keys of a process have a series each, the others one together; every entry of the
 * ledger names its own.
 */
function createUnbilledCounter(registry: Registry) {
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
