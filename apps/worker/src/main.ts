import { setFlagsFromString } from "node:v8";
import { createLogger, createMetrics, readOrExit, runProcess } from "@darkroom/runtime";
import { createAccounts, createLedger } from "@darkroom/accounts";
import { openBatchWorker } from "@darkroom/batches";
import { createDeploymentLimits, createRouter, describeDeployments, watchDeployments } from "@darkroom/deployments";
import { createFileStore } from "@darkroom/files";
import {
  createHttpClient,
  createImageChecker,
  createProviders,
  createSpool,
  type ProviderDeps,
  traceHttpClient,
  traceImageChecker,
  traceProvider,
} from "@darkroom/providers";
import { createShowEnded, openWorker, queueSettings } from "@darkroom/generations";
import { configuredCatalogue } from "@darkroom/models";
import { defaultRetryPolicy, isBatchLane } from "@darkroom/queue";
import { adviseOnRedis, joinFleet } from "@darkroom/redis";
import { createObjectStore, traceObjectStore } from "@darkroom/storage";
import { createTracing } from "@darkroom/tracing";
import { openWebhookWorker, webhookWorkerSettings } from "@darkroom/webhooks";
import { createAdmitGeneration } from "./admit-generation.ts";
import { createBillDelivery } from "./bill-delivery.ts";
import { readConfig } from "./config.ts";
import { createCountEnding } from "./count-ending.ts";
import { createDescribeWorker } from "./describe-worker.ts";
import { createDrawingSlots } from "./drawing-slots.ts";
import { createGenerateImages, type GenerateImagesOptions } from "./generate-images.ts";
import { createHeldImages } from "./held-images.ts";
import { createMeasureAttempts } from "./measure-attempts.ts";
import { createCountCall, measureProvider } from "./measure-calls.ts";
import { createImageStore } from "./image-store.ts";
import { openFiles } from "./open-files.ts";
import { openHealth } from "./open-health.ts";
import { openLedger } from "./open-ledger.ts";
import { openTenantUse } from "./open-tenant-use.ts";
import { planLanes } from "./plan-lanes.ts";
import { createServiceTimes } from "./service-times.ts";
import { lowerPriority } from "./lower-priority.ts";
import { createStoreWatch } from "./store-watch.ts";
import { noteOutcome, traceAttempts } from "./trace-attempts.ts";

// V8 lets garbage grow to several times what is alive before it clears up, so a worker's memory would go up with the length of a batch. As much again
// bounds it: 20,000 lines take what 2,000 do. Half as much was dearer, because the buffers of images count with the heap: a third of a worker's
// CPU time went into garbage.
setFlagsFromString("--heap-growing-percent=100");

const config = readOrExit(readConfig);
const metrics = createMetrics({ ofProcess: true });
const tracing = createTracing({
  settings: config,
  service: "darkroom-worker",
  instance: config.WORKER_NAME,
  shutdownMs: config.SHUTDOWN_DEADLINE_MS,
});
const log = createLogger({
  name: "worker",
  level: config.LOG_LEVEL,
  pretty: process.stdout.isTTY,
  advise: adviseOnRedis,
  fields: tracing.logFields,
  onDrop: () => metrics.droppedLogLines.inc(),
});

await runProcess({
  log,
  // Past its deadline running work is aborted and given back, which takes some seconds more.
  closeWithinMs: config.SHUTDOWN_DEADLINE_MS + 10_000,
  async start(closes, life) {
    const tracer = await tracing.open({ log, closes });
    const store = traceObjectStore(createObjectStore(config.storage), tracer);
    closes.add("the object store", () => store.close());
    await store.check();

    const spool = createSpool({
      directory: config.SPOOL_DIRECTORY,
      maxBytes: config.SPOOL_BYTES,
      maxMemoryBytes: config.SPOOL_MEMORY_BYTES,
      maxKeptBytes: config.SPOOL_KEPT_BYTES,
      onDiskError(err) {
        metrics.spool.diskFailed();
        log.warn({ err, directory: config.SPOOL_DIRECTORY }, "The disk takes no images; they go into memory");
      },
    });
    metrics.spool.readFrom(spool);
    await spool.check();
    const http = traceHttpClient(createHttpClient(config.providers.http, { spool }), {
      tracer,
      sendsContext: config.TRACE_PROVIDERS,
    });
    closes.add("the provider connections", () => http.close());
    const images = traceImageChecker(createImageChecker({ decoding: config.IMAGE_DECODING }), tracer);
    closes.add("the decoding of images", () => images.close());
    const capturesPrompts = config.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT;
    const deps: ProviderDeps = {
      http,
      images,
      decorate: (provider, deployment) => traceProvider(provider, { tracer, capturesPrompts, deployment }),
    };
    const providers = createProviders({
      settings: config.providers,
      deps,
      sandboxFallback: config.SANDBOX_FALLBACK,
      logger: log,
    });
    const catalogue = configuredCatalogue(config);
    const deployments = watchDeployments({
      file: config.DEPLOYMENTS_FILE,
      catalogue,
      upstreams: { settings: config.providers, deps },
      readVariable: config.readVariable,
      log,
    });
    closes.add("the look at the deployments file", () => deployments.close());
    metrics.deploymentMistakes.readFrom(() => [{ value: deployments.mistakes.length }]);
    const plans = planLanes({
      providers,
      deployed: new Set(deployments.all.flatMap(({ model }) => catalogue.find(model)?.provider ?? [])),
      named: config.WORKER_LANES,
      concurrency: config.WORKER_CONCURRENCY,
    });
    const hasBatches = plans.some(({ lane }) => isBatchLane(lane));
    if (plans.every(({ lane }) => isBatchLane(lane))) lowerPriority(config.BATCH_NICENESS);

    const intervals = {
      lockDurationMs: config.LOCK_DURATION_MS,
      stalledIntervalMs: config.STALLED_INTERVAL_MS,
      recoveryIntervalMs: config.RECOVERY_INTERVAL_MS,
    };
    const queue = await openWorker({
      ...queueSettings(config),
      ...intervals,
      auditKeysPerSecond: config.AUDIT_KEYS_PER_SECOND,
      dropObjects: (keys) => store.delete(keys),
      removeImages: config.REMOVE_IMAGES,
      onSetAside: (kind) => metrics.quarantined.inc({ kind }),
      log,
      closes,
    });
    const serviceTimes = createServiceTimes();
    const fleet = await joinFleet({
      ...queue.connection,
      name: config.WORKER_NAME,
      facts: createDescribeWorker({
        queue,
        life,
        serviceTimes,
        deployments: config.DEPLOYMENTS_FILE === undefined ? undefined : () => describeDeployments(deployments),
      }),
      onDrain: life.stop,
      log,
    });
    closes.add("the place in the fleet", () => fleet.close());
    metrics.clockAhead.readFrom(() => [{ value: fleet.clockAheadMs() / 1_000 }]);
    /** The clock of this machine may be wrong. */
    const nowMs = () => Date.now() - fleet.clockAheadMs();
    metrics.redisRefusing.readFrom(async () => [{ value: Number((await queue.findFault()) !== null) }]);
    const watch = createStoreWatch({ store, metrics, log });
    closes.add("the watch over the object store", () => watch.close());
    watch.onChange((refusing) => {
      for (const worker of queue.laneWorkers)
        if (refusing) worker.pause();
        else worker.resume();
    });
    const patienceMs = config.UPLOAD_PATIENCE_MS;
    const held = createHeldImages({ directory: config.SPOOL_DIRECTORY, leftForMs: patienceMs, log });
    const imageStore = createImageStore({ store, watch, held, patienceMs, metrics, log });

    const { redis } = queue.connection;
    const { quarantine } = queue;
    const stored = { redis, prefix: config.QUEUE_PREFIX, objects: store, quarantine, log };
    const accounts = createAccounts(stored);
    // Opened before the lanes, so that what ends while this worker stops is told by it.
    const webhooks = webhookWorkerSettings(config);
    const webhookWorker =
      webhooks.signingSecrets.length === 0
        ? undefined
        : await openWebhookWorker({
            ...webhooks,
            queue,
            keyStore: accounts.keyStore,
            showEnded: createShowEnded({
              catalogue,
              objects: store,
              linkTtlSeconds: config.LINK_TTL_SECONDS,
            }),
            concurrency: config.WEBHOOK_CONCURRENCY,
            leaseMs: config.LOCK_DURATION_MS,
            // Receivers refuse a signature that is five minutes old.
            nowMs,
            tracer,
            onAnswer({ outcome, sinceEndingMs }) {
              metrics.webhookAttempts.inc({ outcome });
              if (outcome === "delivered") metrics.webhookLag.observe(sinceEndingMs / 1_000);
            },
            log,
            closes,
          });
    const countEnding = createCountEnding({ metrics, now: nowMs });
    const measured = createMeasureAttempts({ metrics, serviceTimes });
    metrics.workerSlots.readFrom(() =>
      plans.map(({ lane, concurrency }) => ({ labels: { lane }, value: concurrency })),
    );
    metrics.workerSlotsBusy.readFrom(() =>
      queue.laneWorkers.map(({ lane, active }) => ({ labels: { lane }, value: active().length })),
    );
    if (hasBatches) metrics.batchWindow.readFrom(() => [{ value: config.BATCH_WINDOW }]);

    const drawingSlots = createDrawingSlots();
    metrics.drawingSlots.readFrom(drawingSlots.byTenant);
    if (webhookWorker !== undefined) metrics.webhookSlots.readFrom(webhookWorker.slotsByTenant);
    const limits = createDeploymentLimits({ ...queue.connection, leaseMs: config.LOCK_DURATION_MS, log });
    closes.add("the calls of deployments", () => limits.close());
    const hasDeployments = config.DEPLOYMENTS_FILE !== undefined;
    const route = hasDeployments
      ? createRouter({ deployments, limits, onEnded: createCountCall(metrics), log })
      : undefined;
    const generateWith = (provider: GenerateImagesOptions["provider"]) =>
      createGenerateImages({ provider, store, imageStore, metrics, log });
    const health = await openHealth({ config, queue, watch, metrics, closes });
    await queue.workLanes(
      plans.map(({ lane, provider, concurrency }) => ({
        lane,
        concurrency,
        ...createAdmitGeneration({
          lane,
          // The calls of deployments are measured by their names.
          provider: route === undefined ? provider && measureProvider(provider, metrics) : provider,
          route,
          nowMs,
          generateWith: (asked) => measured(lane, drawingSlots.counted(noteOutcome(tracer, generateWith(asked)))),
        }),
        within: traceAttempts(tracer),
        mayBegin: () => watch.takesWrites(),
        billOf: createBillDelivery({ metrics, log }),
        onEnding: (record, ending) => {
          countEnding(record, ending);
          if (record.request.job?.webhook !== undefined) webhookWorker?.wake();
        },
        retryPolicy: defaultRetryPolicy,
        random: Math.random,
      })),
      { closeWithinMs: config.SHUTDOWN_DEADLINE_MS },
    );

    const files = createFileStore(stored);
    openFiles({ config, files, leases: queue.leases, log, closes });
    openTenantUse({ config, queue, files, names: accounts.names, log, closes });
    openLedger({ config, ledger: createLedger(stored), leases: queue.leases, log, closes });
    // A worker that works off no batch lane leaves batches to those that do.
    if (hasBatches) {
      await openBatchWorker({
        queue,
        accounts,
        files,
        objects: store,
        catalogue,
        window: config.BATCH_WINDOW,
        removeImages: config.REMOVE_IMAGES,
        isDrained: fleet.isDrained,
        tracer,
        countUnbilled: (batch) => metrics.unbilledGenerations.inc(batch),
        ...intervals,
        log,
        closes,
      });
    }
    health.started();
    // The lanes are known now. At a stop the operator is told at once, and last that the process has ended.
    fleet.beat();
    closes.add("the announcement of the stop", () => fleet.beat());
    log.info({ lanes: Object.fromEntries(plans.map(({ lane, concurrency }) => [lane, concurrency])) }, "Working");
  },
});
