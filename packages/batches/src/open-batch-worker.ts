import type { Accounts } from "@darkroom/accounts";
import type { FileStore } from "@darkroom/files";
import type { QueueWorker } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { ownStalledChecks } from "@darkroom/queue";
import { createFullnessCheck } from "@darkroom/redis";
import type { CloseList, Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import { messagingAttributes, noTracer, type Tracer } from "@darkroom/tracing";
import { createBatchParts } from "./batch-parts.ts";
import { batchesLanes, createPutNextTask } from "./records/batch-task.ts";
import type { StopBatchOptions } from "./stop-batch.ts";

/**
 * Batches that are validated or finalized at a time, and lanes that are fed at a time. They mostly wait for the store: a small batch for three
 * calls when it is validated, and for two when its output is written.
 */
const concurrency = 16;

export type OpenBatchWorkerOptions = {
  queue: Pick<QueueWorker, "connection" | "lanes" | "generations" | "quarantine" | "leases">;
  accounts: Accounts;
  files: FileStore;
  objects: ObjectStore;
  /** The worker's own catalogue, for batches that were accepted without one. */
  catalogue: Catalogue;
  /** Whether the images of lines are removed with their batch. Else a rule of the bucket does that. */
  removeImages: boolean;
  /** How many lines of batches are in Redis at a time for each batch lane. */
  window: number;
  /** Whether the operator drains a lane. Then none of its lines are taken from the store, and they wait there. */
  isDrained: (lane: string) => boolean;
  /** Counts a line that was canceled while it ran and is not billed. */
  countUnbilled: StopBatchOptions["countUnbilled"];
  /** How long a lock lasts that is not renewed, in milliseconds. */
  lockDurationMs: number;
  /** How often workers that fell silent are looked for, in milliseconds. */
  stalledIntervalMs: number;
  /** How often lost jobs of batches, and batches that are not kept any more, are looked for, in milliseconds. */
  recoveryIntervalMs: number;
  tracer?: Tracer | undefined;
  log: Logger;
  /** Is given the close of each part as soon as it is open. */
  closes: CloseList;
};

/** Carries batches out in a worker, beside its lanes: validates their input, feeds their lines, writes their output, and removes old ones. */
export async function openBatchWorker({ queue, closes, ...options }: OpenBatchWorkerOptions): Promise<void> {
  const { lockDurationMs, stalledIntervalMs, recoveryIntervalMs, window, isDrained, countUnbilled, log } = options;
  const { lanes, generations, quarantine, leases } = queue;
  const parts = createBatchParts(queue.connection, { ...options, lanes, generations, quarantine });
  const { batches } = parts;
  const validate = parts.validate();
  const finalize = parts.finalize();

  const isRedisFull = createFullnessCheck({ redis: queue.connection.redis });
  const round = (lane: string) =>
    parts.laneRound({
      lane,
      window,
      countUnbilled,
      mayFeed: async () => !isDrained(lane) && !(await isRedisFull()),
    });
  /** Kept, because the turns of tenants continue from round to round. */
  const rounds = new Map<string, ReturnType<typeof round>>();
  const roundOf = (lane: string) => {
    const found = rounds.get(lane) ?? round(lane);
    rounds.set(lane, found);
    return found;
  };

  const { tracer = noTracer } = options;
  /** Does a task of a batch within a span of the batch's trace. It costs one read of the batch, and none where nothing is traced. */
  async function traced<T>(task: "validate" | "finalize", batchId: string, work: () => Promise<T>): Promise<T> {
    if (!tracer.isOn) return work();
    // The task itself says what is wrong with a record that cannot be read.
    const batch = await batches.read(batchId).catch(() => null);
    const attributes = {
      ...messagingAttributes({ type: "process", name: task, destination: "batches" }),
      "darkroom.batch.id": batchId,
      "darkroom.tenant": batch?.tenant,
    };
    const span = { name: `${task} batch`, parent: batch?.trace ?? null, attributes, logFields: { batchId } };
    return tracer.within({ kind: "consumer", ...span }, work);
  }

  const putNextTask = createPutNextTask({ lanes, log });
  const worker = parts.workTasks({
    concurrency,
    lockDurationMs,
    tasks: {
      async validate(batchId, signal) {
        await traced("validate", batchId, () => validate(batchId, signal));
        const batch = await batches.read(batchId);
        if (batch !== null) await putNextTask(batch);
        return null;
      },
      feed: (lane, signal) => roundOf(lane)(signal),
      async finalize(batchId, signal) {
        await traced("finalize", batchId, () => finalize(batchId, signal));
        return null;
      },
    },
  });
  closes.add("the tasks of batches", () => worker.close());
  await worker.ready();
  const checks = { kind: "batch-stalled-check", lanes: batchesLanes, everyMs: stalledIntervalMs };
  ownStalledChecks({ ...queue.connection, ...checks, leases, log });

  const recovering = parts.recover().own(leases, recoveryIntervalMs);
  closes.add("batch recovery", () => recovering.close());
  const sweep = parts.sweep();
  const sweeps = leases.own({
    kind: "batch-removal",
    parts: ["all"],
    everyMs: recoveryIntervalMs,
    tick: ({ signal }) => sweep(signal),
    onError: (error) =>
      log.warn({ err: error }, "What is left of old batches could not be removed; the next round tries again"),
  });
  closes.add("the sweep of batches", () => sweeps.close());
}
