import type { Redis } from "ioredis";
import type { GenerationStore, Submission } from "./generation-store.ts";
import type { Keys } from "./keys.ts";
import type { Lanes } from "./lanes.ts";
import type { Log } from "./log.ts";

export type SubmitterOptions = { redis: Redis; keys: Keys; store: GenerationStore; lanes: Lanes; log: Log };

/**
 * Returns the function that accepts a generation. It is accepted once its record is written; putting the job on its lane comes
 * after, and where that fails the janitor does it. Throws what Redis threw when the record could not be written, or may not have been.
 */
export function createSubmitter({ redis, keys, store, lanes, log }: SubmitterOptions) {
  return async (submission: Submission): Promise<void> => {
    const { id, lane } = submission;
    const rank = await store.submit(submission);
    try {
      await lanes.add(lane, id, rank);
    } catch (error) {
      log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; the janitor will");
      return;
    }
    // Not awaited: it only saves the janitor a look.
    redis.zrem(keys.unlaned, id).catch(() => {});
  };
}
