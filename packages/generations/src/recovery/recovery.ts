import { redisTime } from "@darkroom/redis";
import type { GenerationStore } from "../records/generation-store.ts";
import { createForgetOutlived, type ForgetOutlivedOptions } from "./forget-outlived.ts";
import { createLostJobs, type LostJobsOptions } from "./lost-jobs.ts";
import { createTicker } from "@darkroom/runtime";

export type RecoveryOptions = LostJobsOptions &
  ForgetOutlivedOptions & {
    generations: Pick<GenerationStore, "expire">;
    /** How often it ticks, in milliseconds. */
    everyMs: number;
  };

/** Ids per look at one list: a page is a few milliseconds of Redis. */
const page = 500;
/** So many failures one after the other are no fault of what is visited: Redis or the object store is away, and the next round goes on. */
const maxFailures = 10;

/**
 * Mends what a crash between two steps leaves behind: generations without a job get one, those that were not begun in their time
 * expire, what has been kept long enough is dropped. Every worker runs one; all it does may be done twice.
 */
export function createRecovery(options: RecoveryOptions) {
  const { redis, keys, generations, lanes, log, everyMs } = options;
  const forgetOutlived = createForgetOutlived(options);
  const lookForJobs = createLostJobs(options);

  /**
   * Calls `visit` with every id whose score is at most `beforeMs`, a page at a time. Ids that a visit removes do not shift the rest, and
   * one that cannot be visited does not keep the others from it.
   */
  async function each(key: string, beforeMs: number, visit: (id: string) => Promise<void>): Promise<void> {
    const ids: string[] = [];
    for (let offset = 0; ; offset += page) {
      const found = await redis.zrangebyscore(key, "-inf", beforeMs, "LIMIT", offset, page);
      ids.push(...found);
      if (found.length < page) break;
    }
    let failures = 0;
    for (const id of ids) {
      try {
        await visit(id);
        failures = 0;
      } catch (error) {
        if (++failures === maxFailures) throw error;
        log.warn({ generationId: id, err: error }, "Recovery could not do with a generation what was due");
      }
    }
  }

  async function expire(id: string): Promise<void> {
    const lane = await redis.hget(keys.record(id), "lane");
    if (lane === null) await redis.zrem(keys.expiring, id);
    else if ((await generations.expire(id, lane)) === "expired") await lanes.remove(lane, id);
  }

  /** One part of a round that fails does not keep the others from theirs. */
  async function tick(): Promise<void> {
    const nowMs = await redisTime(redis);
    const parts = [
      lookForJobs,
      () => each(keys.expiring, nowMs, expire),
      () => each(keys.retained, nowMs, forgetOutlived),
    ];
    const errors: unknown[] = [];
    for (const part of parts) await part().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw new AggregateError(errors, "A part of recovery's round failed.");
  }

  const onError = (error: unknown) => log.warn({ err: error }, "Recovery could not finish its round");
  const ticker = createTicker({ everyMs, tick, onError });

  return {
    /** One round, now. */
    tick,
    close: (): Promise<void> => ticker.close(),
  };
}
