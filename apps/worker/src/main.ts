import { setFlagsFromString } from "node:v8";
import { createLogger, createMetrics } from "@darkroom/runtime";
import { readOrExit, runProcess } from "@darkroom/runtime";
import { createHttpClient, createProviders } from "@darkroom/providers";
import { createCancelListener, createLaneWorker, type LaneWorker } from "@darkroom/generations";
import { defaultRetryPolicy, isBatchLane } from "@darkroom/queue";
import { adviseOnRedis, connectSubscriber, untilConnected } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { createBillDelivery } from "./bill-delivery.ts";
import { readConfig } from "./config.ts";
import { createCountEnding } from "./count-ending.ts";
import { createGenerateImages } from "./generate-images.ts";
import { createHeldImages } from "./held-images.ts";
import { createImageStore } from "./image-store.ts";
import { startHealthServer } from "./health-server.ts";
import { openFiles } from "./open-files.ts";
import { openBatches } from "./open-batches.ts";
import { openLedger } from "./open-ledger.ts";
import { connectWithinMs, openBatchQueue, openQueue } from "./open-queue.ts";
import { openWebhooks } from "./open-webhooks.ts";
import { planLanes } from "./plan-lanes.ts";
import { lowerPriority } from "./lower-priority.ts";
import { createStoreWatch } from "./store-watch.ts";

// V8 lets garbage grow to several times what is alive before it clears up, so a worker's memory would go up with the length of a batch.
// Half as much again is enough: measured, it takes no more CPU time, and 50,000 lines no more memory than 5,000.
setFlagsFromString("--heap-growing-percent=50");

const config = readOrExit(readConfig);
const metrics = createMetrics({ ofProcess: true });
const log = createLogger({
  name: "worker",
  level: config.LOG_LEVEL,
  pretty: process.stdout.isTTY,
  advise: adviseOnRedis,
});

await runProcess({
  log,
  // Past its deadline running work is aborted and given back, which takes some seconds more.
  closeWithinMs: config.SHUTDOWN_DEADLINE_MS + 10_000,
  async start(closes) {
    const store = createObjectStore(config.storage);
    closes.add("the object store", () => store.close());
    await store.check();

    const http = createHttpClient(config.providers.http);
    closes.add("the provider connections", () => http.close());
    const providers = createProviders({
      settings: config.providers,
      deps: { http },
      sandboxFallback: config.SANDBOX_FALLBACK,
      logger: log,
    });
    const plans = planLanes(providers, config.WORKER_LANES, config.WORKER_CONCURRENCY);

    const hasBatches = plans.some(({ lane }) => isBatchLane(lane));
    if (plans.every(({ lane }) => isBatchLane(lane))) lowerPriority(config.BATCH_NICENESS);

    const queue = await openQueue(config, store, log, closes);
    const batchQueue = hasBatches ? await openBatchQueue(config, queue, log, closes) : queue;
    const watch = createStoreWatch({ store, metrics, log });
    closes.add("the watch over the object store", () => watch.close());
    const patienceMs = config.UPLOAD_PATIENCE_MS;
    const held = createHeldImages({ directory: config.SPOOL_DIRECTORY, leftForMs: patienceMs, log });
    const imageStore = createImageStore({ store, watch, held, patienceMs, log });
    const workers: LaneWorker[] = [];
    watch.onChange((refusing) => {
      for (const worker of workers)
        if (refusing) worker.pause();
        else worker.resume();
    });

    // Opened before the lanes, so that both are there until the last of what runs has ended.
    const subscriber = connectSubscriber(config.REDIS_URL, (error) =>
      log.warn({ err: error }, "The connection that hears of cancellations reports an error"),
    );
    closes.add("the connection that hears of cancellations", () => subscriber.disconnect());
    await untilConnected(subscriber, connectWithinMs);
    const cancelListener = await createCancelListener({ ...queue, subscriber, workers });
    closes.add("the cancel listener", () => cancelListener.close());
    let isWorking = false;
    if (config.WORKER_PORT !== undefined) {
      const health = await startHealthServer({
        host: config.WORKER_HOST,
        port: config.WORKER_PORT,
        metrics,
        async whyNotReady() {
          if (!isWorking) return ["The worker is starting."];
          const fault = (await queue.findFault()) ?? watch.fault();
          if (fault !== null) return [fault];
          return workers
            .filter((worker) => worker.refusal() !== null)
            .map(({ lane }) => `Redis gives out no jobs of the lane ${lane}.`);
        },
        findFaults: async () =>
          (await Promise.all(workers.map((worker) => worker.stuck()))).filter((fault) => fault !== null),
      });
      closes.add("the health port", () => health.close());
    }

    for (const { lane, provider, concurrency } of plans) {
      const worker = createLaneWorker({
        ...(isBatchLane(lane) ? batchQueue : queue),
        lane,
        concurrency,
        work: createGenerateImages({ provider, store, imageStore, metrics, log }),
        mayBegin: () => watch.takesWrites(),
        billOf: createBillDelivery({ metrics, log }),
        dropObjects: (keys) => store.delete(keys),
        onEnding: createCountEnding({ metrics }),
        retryPolicy: defaultRetryPolicy,
        lockDurationMs: config.LOCK_DURATION_MS,
        stalledIntervalMs: config.STALLED_INTERVAL_MS,
        random: Math.random,
        log,
      });
      workers.push(worker);
    }
    closes.add("the lanes' workers", () =>
      Promise.all(workers.map((worker) => worker.close(config.SHUTDOWN_DEADLINE_MS))),
    );
    await Promise.all(workers.map((worker) => worker.ready()));

    await openWebhooks(config, queue, store, log, closes);
    openFiles(config, queue, store, log, closes);
    openLedger(config, queue, store, log, closes);
    // A worker that draws for callers alone leaves batches to those that draw for them.
    if (hasBatches) await openBatches(config, queue, store, metrics, log, closes);
    isWorking = true;
    log.info({ lanes: Object.fromEntries(plans.map(({ lane, concurrency }) => [lane, concurrency])) }, "Working");
  },
});
