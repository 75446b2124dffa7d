import type { Redis } from "ioredis";
import type { GenerationStore, Submission, Submitted } from "../records/generation-store.ts";
import type { Keys } from "../connection/keys.ts";
import type { Lanes } from "./lanes.ts";
import type { Log } from "../log.ts";

export type SubmitterOptions = { redis: Redis; keys: Keys; store: GenerationStore; lanes: Lanes; log: Log };

/**
 * Returns the function that accepts a generation. It is accepted once its record is written; putting the job on its lane comes
 * after, and where that fails the janitor does it. Throws what Redis threw when the record could not be written, or may not have been.
 */
export function createSubmitter({ redis, keys, store, lanes, log }: SubmitterOptions) {
  let laned: string[] = [];

  /**
   * Takes what reached its lane off the janitor's list: one command for all that one turn of the event loop brought, since it only
   * saves a look. Not later: a generation that was begun and put down meanwhile is on that list again, for a reason.
   */
  function noteLaned(id: string): void {
    if (laned.push(id) > 1) return;
    setImmediate(() => {
      redis.zrem(keys.unlaned, ...laned).catch(() => {});
      laned = [];
    });
  }

  return async (submission: Submission): Promise<Submitted> => {
    const { id, lane } = submission;
    const submitted = await store.submit(submission);
    if (submitted.kind !== "accepted") return submitted;
    try {
      await lanes.add(lane, id, submitted.rank);
    } catch (error) {
      log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; the janitor will");
      return submitted;
    }
    noteLaned(id);
    return submitted;
  };
}
