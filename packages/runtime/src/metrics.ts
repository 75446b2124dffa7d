import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { createModelCounter, createUnbilledCounter } from "./model-counter.ts";
import { createScrapedGauge } from "./scraped-gauge.ts";
import { createSpoolMetrics } from "./spool-metrics.ts";
import { createTenantGauge } from "./tenant-gauge.ts";

export type MetricsOptions = {
  /** Also tell of the process itself: memory, CPU, event loop, garbage collection. One registry of a process does; it is measured all the time. */
  ofProcess: boolean;
};

export type Metrics = ReturnType<typeof createMetrics>;

/** In seconds. A call for an image takes some seconds to some minutes, and a request for JSON some milliseconds. */
const httpBuckets = [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const providerBuckets = [1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600];
const uploadBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];
/** A line of a batch may wait for a day. */
const waitBuckets = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400];

/**
 * The metrics of a process, for Prometheus. All of them are declared here and described in docs/metrics.md. The number of their series is
 * bounded: a label is a lane, a route, a status, a code of our error table, or a model or a key, of which two hundred are told apart. It is
 * never a key itself or anything else that a caller wrote. A gauge by tenant has the ten largest alone
 * (docs/decisions/0044-shares-are-told-of-the-ten-largest.md).
 */
export function createMetrics({ ofProcess }: MetricsOptions) {
  const registry = new Registry();
  const contentType: string = registry.contentType;
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const byTenant = (name: string, help: string) => createTenantGauge({ name, help, registry });
  const byModel = (name: string, help: string) => createModelCounter({ name, help, registry });
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const durations = <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, buckets, registers: [registry] });
  const scraped = (name: string, help: string, ...labelNames: string[]) =>
    createScrapedGauge({ name, help, labelNames, registry });
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
    doubtfulImages: counter(
      "darkroom_doubtful_images_total",
      "Images that did not come from a deployment that may have charged for them, by whether another deployment was asked for them.",
      "upstream",
      "bought_again",
    ),
    deploymentMistakes: scraped(
      "darkroom_deployment_mistakes",
      "Mistakes in the deployments file as it is now. While there are any, the deployments before it stay in force.",
    ),
    storeRefusing: new Gauge({
      name: "darkroom_store_refusing",
      help: "1 while the object store refuses what this worker writes, and it begins no generation; else 0.",
      registers: [registry],
    }),
    spool: createSpoolMetrics(registry),
    quarantined: counter(
      "darkroom_quarantined_total",
      "What was set aside because it cannot be read, or the store refuses it, by what was to be done. It is tried again every ten minutes.",
      "kind",
    ),
    refusedRequests: counter(
      "darkroom_refused_requests_total",
      "Requests that were answered with an error, by its code.",
      "code",
    ),
    droppedConnections: counter(
      "darkroom_dropped_connections_total",
      "Connections that were closed unread because as many as MAX_CONNECTIONS were open.",
    ),
    droppedLogLines: counter(
      "darkroom_dropped_log_lines_total",
      "Log lines that were dropped because standard output was read more slowly than they came.",
    ),
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
    /** An api tells of requests, and a worker of attempts. */
    httpDuration: durations(
      "darkroom_http_request_duration_seconds",
      "From the head of a request to the end of its answer, by route. Status 499: the client left before that.",
      httpBuckets,
      "method",
      "route",
      "status",
    ),
    openRequests: scraped(
      "darkroom_open_requests",
      "Requests that this process holds open: sync (a caller waits for its images), stream (events) or long_poll.",
      "kind",
    ),
    queueWait: durations(
      "darkroom_queue_wait_seconds",
      "From the submission of a generation, or its retry by the owner, to its first attempt.",
      waitBuckets,
      "lane",
    ),
    generationDuration: durations(
      "darkroom_generation_duration_seconds",
      "From the submission of a generation, or its retry by the owner, to the ending that an attempt has written.",
      waitBuckets,
      "lane",
      "ending",
    ),
    generations: createModelCounter({
      name: "darkroom_generations_total",
      help: "Generations that an attempt has ended, by model and ending. Those that were canceled or expired before their first attempt are not among them.",
      labelNames: ["ending"],
      registry,
    }),
    providerCalls: counter(
      "darkroom_provider_calls_total",
      "Calls of a provider: succeeded, partial (some images are missing), rate_limited, aborted, or the code of the error; mixed where there were several.",
      "upstream",
      "outcome",
    ),
    providerDuration: durations(
      "darkroom_provider_call_duration_seconds",
      "How long calls of a provider took that brought an image.",
      providerBuckets,
      "upstream",
    ),
    uploadDuration: durations(
      "darkroom_upload_duration_seconds",
      "How long images took to the object store, all tries included: stored or lost.",
      uploadBuckets,
      "outcome",
    ),
    workerSlots: scraped("darkroom_worker_slots", "Jobs that this worker runs at a time on a lane.", "lane"),
    workerSlotsBusy: scraped("darkroom_worker_slots_busy", "Jobs that this worker runs on a lane now.", "lane"),
    clockAhead: scraped(
      "darkroom_clock_ahead_seconds",
      "By how many seconds the clock of this machine is ahead of that of Redis, as far as that is certain; negative where it is behind.",
    ),
    webhookAttempts: counter(
      "darkroom_webhook_attempts_total",
      "Posts of webhooks by what came of them: delivered, retry, gone (the address answered 410) or refused (it may not be called).",
      "outcome",
    ),
    webhookLag: durations(
      "darkroom_webhook_lag_seconds",
      "From an ending to the answer by which its receiver accepted the webhook.",
      waitBuckets,
    ),
    batchWindow: scraped(
      "darkroom_batch_window_lines",
      "BATCH_WINDOW of this worker: how many lines of batches are to be in Redis at a time for each batch lane.",
    ),
    /** What follows is read from Redis by each api that is scraped. All apis tell the same: take the maximum, and do not add up. */
    laneWaiting: scraped("darkroom_lane_waiting", "Jobs in line for a worker.", "lane"),
    laneActive: scraped("darkroom_lane_active", "Jobs that workers hold.", "lane"),
    laneDelayed: scraped(
      "darkroom_lane_delayed",
      "Jobs that wait for the end of a pause, before a retry for example.",
      "lane",
    ),
    laneOldest: scraped(
      "darkroom_lane_oldest_age_seconds",
      "How long the job that has waited longest is queued; 0 where none is.",
      "lane",
    ),
    lanePaused: scraped("darkroom_lane_paused", "1 while an operator has paused the lane, else 0.", "lane"),
    laneClosed: scraped(
      "darkroom_lane_closed_seconds",
      "For how long the lane still gives out no job because its upstream's rate limit is reached; 0 for an open lane.",
      "lane",
    ),
    laneWorkers: scraped("darkroom_lane_workers", "Workers that work the lane off.", "lane"),
    laneService: scraped(
      "darkroom_lane_service_seconds",
      "How long a job holds a slot of a worker, in the mean of the latest. Absent before any job has ended.",
      "lane",
    ),
    workersDesired: scraped(
      "darkroom_workers_desired",
      "How many workers the lane needs; 0 for a paused lane.",
      "lane",
    ),
    laneSaturation: scraped(
      "darkroom_lane_saturation",
      "Which share of what the upstream's rate limit lets through the lane needs. At 1 more workers draw nothing sooner; 0 without a limit.",
      "lane",
    ),
    batches: scraped("darkroom_batches_unfinished", "Batches that have not ended."),
    webhooksWaiting: scraped("darkroom_webhooks_waiting", "Webhooks that are neither delivered nor given up."),
    outbox: scraped("darkroom_webhook_outbox", "Endings that are not yet webhooks. Empty but for the last moments."),
    ledgerEntries: scraped(
      "darkroom_ledger_waiting_entries",
      "Entries of the ledger that are not in the object store yet.",
    ),
    ledgerLag: scraped(
      "darkroom_ledger_lag_seconds",
      "Age of the oldest of these. They are moved when they are 2,000 or an hour old.",
    ),
    quarantineEntries: scraped(
      "darkroom_quarantine_entries",
      "What is set aside now, because no worker can deal with it.",
    ),
    redisMemory: scraped("darkroom_redis_used_memory_bytes", "Memory that Redis uses."),
    redisMaxMemory: scraped("darkroom_redis_max_memory_bytes", "`maxmemory` of Redis; 0 where it has none."),
    redisNoEviction: scraped(
      "darkroom_redis_noeviction",
      "1 where `maxmemory-policy` is noeviction, as it must be, else 0.",
    ),
    redisRefusing: scraped(
      "darkroom_redis_refusing",
      "1 while Redis takes no writes from this process, or does not answer it; else 0.",
    ),
    redisRoundTrip: scraped(
      "darkroom_redis_round_trip_seconds",
      "How long Redis took to answer this process a moment before.",
    ),
    /** What a scraper is answered with. */
    contentType,
    render: () => registry.metrics(),
  };
}
