import type { GenerationRecord } from "@darkroom/generations";
import type { Metrics } from "@darkroom/runtime";
import type { Queue } from "../open-queue.ts";
import { queueAnswer } from "./queue-answer.ts";

export type CancelRecordOptions = {
  queue: Pick<Queue, "generations" | "lanes">;
  metrics: Pick<Metrics, "unbilledGenerations">;
};

/**
 * Returns the function that cancels a generation, for its owner or the operator. Resolves with the status that it was canceled in, with `ended` where it
 * had ended before, and with `gone` where it has no record. Throws `ApiError` where Redis is away.
 */
export function createCancelRecord({ queue: { generations, lanes }, metrics }: CancelRecordOptions) {
  return async ({ id, lane }: Pick<GenerationRecord, "id" | "lane">) => {
    const canceledIn = await queueAnswer(generations.cancel(id, lane));
    // Its job has no effect any more. Its removal only saves a worker a read.
    if (canceledIn === "queued") await lanes.remove(lane, id).catch(() => {});
    if (canceledIn === "running") {
      const record = await generations.read(id).catch(() => null);
      if (record?.costMicros === 0) metrics.unbilledGenerations.inc(record);
    }
    return canceledIn;
  };
}

export type CancelRecord = ReturnType<typeof createCancelRecord>;
