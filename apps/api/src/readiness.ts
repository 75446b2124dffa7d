import type { Logger } from "@darkroom/runtime";
import { type ObjectStore, StorageError } from "@darkroom/storage";
import pTimeout from "p-timeout";
import type { Drain } from "./drain.ts";
import type { Queue } from "./open-queue.ts";

export type ReadinessOptions = {
  queue: Pick<Queue, "findFault">;
  objects: Pick<ObjectStore, "check">;
  drain: Drain;
  log: Logger;
};

/** The store's check writes, reads and deletes. This is how often it runs at most, whatever the number of probes. */
const storeCheckEveryMs = 15_000;
/** A probe times out after some seconds. It should get the reason before that. */
const storeCheckWithinMs = 3_000;

/** Returns the function that answers why this process cannot serve: an empty list, or one sentence for each part. */
export function createReadiness({ queue, objects, drain, log }: ReadinessOptions) {
  let checked = { atMs: Number.NEGATIVE_INFINITY, fault: Promise.resolve<string[]>([]) };

  function tellStore(error: unknown): string[] {
    const sentence = "The object store cannot be used.";
    log.warn({ err: error }, sentence);
    return [error instanceof StorageError ? `${sentence} ${error.advice}` : sentence];
  }

  async function checkStore(): Promise<string[]> {
    const message = `No answer within ${storeCheckWithinMs} ms`;
    await pTimeout(objects.check(), { milliseconds: storeCheckWithinMs, message });
    return [];
  }

  return async (): Promise<string[]> => {
    if (drain.leaving) return ["This process is shutting down."];
    const nowMs = performance.now();
    if (nowMs - checked.atMs >= storeCheckEveryMs) {
      checked = { atMs: nowMs, fault: checkStore().catch(tellStore) };
    }
    const [redis, store] = await Promise.all([queue.findFault(), checked.fault]);
    return redis === null ? store : [redis, ...store];
  };
}

export type Readiness = ReturnType<typeof createReadiness>;
