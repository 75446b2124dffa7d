import { type Accounts, unspentOf } from "@darkroom/accounts";
import {
  createBatchSweep,
  createCatalogueOf,
  createFinalizeBatch,
  createLaneRound,
  createPreparedLines,
  createValidateBatch,
  createBatchRecovery,
  createBatchStore,
  createBatchWorker,
  createLineStore,
  createPutNextTask,
} from "@darkroom/batches";
import { createFileStore } from "@darkroom/files";
import type { QueueWorker } from "@darkroom/generations";
import { configuredCatalogue } from "@darkroom/models";
import { type Logger, type Metrics, type CloseList, createTicker } from "@darkroom/runtime";
import { createMemoryGuard, redisTime } from "@darkroom/redis";
import type { ObjectStore } from "@darkroom/storage";
import type { WorkerConfig } from "./config.ts";

/** Batches that are validated or put together at a time, and beside them lanes that are fed: they wait for the store more than they compute. */
const concurrency = 5;
/** The most images that a line can ask for: every tenant's turn is worth a line at least. */
const quantum = 10;
/** What a tenant may have on a lane that others fill: enough for several workers to be busy with until its turn comes. */
const floor = 50;

export type OpenBatchesOptions = {
  config: WorkerConfig;
  queue: Pick<QueueWorker, "connection" | "lanes" | "generations">;
  accounts: Accounts;
  objects: ObjectStore;
  metrics: Pick<Metrics, "unbilledGenerations">;
  log: Logger;
  closes: CloseList;
};

/** Does what is to be done about batches: validates their input, feeds their lines, puts their output together, clears up after them. */
export async function openBatches(options: OpenBatchesOptions): Promise<void> {
  const { config, queue, accounts, objects, metrics, log, closes } = options;
  const { lanes, generations } = queue;
  const { redis, keys } = queue.connection;
  const batches = createBatchStore(redis, keys);
  const files = createFileStore({ redis, prefix: config.QUEUE_PREFIX, objects, log });
  const catalogueOf = createCatalogueOf({ batches, own: configuredCatalogue(config), log });
  const { keyStore, findAccount } = accounts;

  const validate = createValidateBatch({
    objects,
    catalogueOf,
    batches,
    async openInput({ inputFileId }) {
      const file = await files.read(inputFileId);
      return file === null ? null : ((await files.open(file))?.body ?? null);
    },
    async accountOf({ keyId }) {
      const account = await findAccount(keyId);
      if (account === null) return null;
      const leftMicros = unspentOf(account.budget, await keyStore.readUsage(keyId));
      return { models: account.models, leftMicros };
    },
    log,
  });
  const finalize = createFinalizeBatch({ batches, objects, files, catalogueOf, log });

  const lines = createLineStore({ redis, keys, lanes, log });
  const prepared = createPreparedLines(objects);
  const memoryGuard = createMemoryGuard({ redis });
  closes.add("the memory guard", () => memoryGuard.close());
  const round = (lane: string) =>
    createLaneRound({
      lane,
      window: config.BATCH_WINDOW,
      quantum,
      floor,
      batches,
      lines,
      generations,
      lanes,
      objects,
      prepared,
      accountOf: findAccount,
      countUnbilled: (batch) => metrics.unbilledGenerations.inc(batch),
      isRedisFull: memoryGuard.isFull,
      log,
      now: () => redisTime(redis),
    });
  /** Kept, because whose turn it is goes on from round to round. */
  const rounds = new Map<string, ReturnType<typeof round>>();
  const roundOf = (lane: string) => {
    const found = rounds.get(lane) ?? round(lane);
    rounds.set(lane, found);
    return found;
  };

  const putNextTask = createPutNextTask({ lanes, log });
  const worker = createBatchWorker({
    redis,
    keys,
    concurrency,
    lockDurationMs: config.LOCK_DURATION_MS,
    stalledIntervalMs: config.STALLED_INTERVAL_MS,
    tasks: {
      async validate(batchId, signal) {
        await validate(batchId, signal);
        const batch = await batches.read(batchId);
        if (batch !== null) await putNextTask(batch);
        return null;
      },
      feed: (lane, signal) => roundOf(lane)(signal),
      async finalize(batchId, signal) {
        await finalize(batchId, signal);
        return null;
      },
    },
    batches,
    lanes,
    log,
  });
  closes.add("the tasks of batches", () => worker.close());
  await worker.ready();

  const batchRecovery = createBatchRecovery({ batches, lanes, log, everyMs: config.RECOVERY_INTERVAL_MS });
  closes.add("batch recovery", () => batchRecovery.close());
  const sweep = createBatchSweep({ batches, objects, log });
  const stopped = new AbortController();
  const sweeps = createTicker({
    everyMs: config.RECOVERY_INTERVAL_MS,
    tick: () => sweep(stopped.signal),
    onError: (error) =>
      log.warn({ err: error }, "What is left of old batches could not be removed; the next round tries again"),
  });
  closes.add("the sweep of batches", () => {
    stopped.abort();
    return sweeps.close();
  });
}
