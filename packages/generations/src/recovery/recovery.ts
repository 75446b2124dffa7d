import { redisTime } from "@darkroom/redis";
import type { GenerationStore } from "../records/generation-store.ts";
import { createForgetOutlived, type ForgetOutlivedOptions } from "./forget-outlived.ts";
import { createPackEnded, type PackEndedOptions } from "../packing/pack-ended.ts";
import { createLostJobs, type LostJobsOptions } from "./lost-jobs.ts";
import { createTicker } from "@darkroom/runtime";

export type RecoveryOptions = LostJobsOptions &
  ForgetOutlivedOptions &
  PackEndedOptions & {
    generations: Pick<GenerationStore, "expire">;
    /** How often it ticks, in milliseconds. */
    everyMs: number;
  };

/** Ids per page of a list. A page takes a few milliseconds of Redis. */
const page = 500;
/** After so many failures in a row Redis or the object store must be away, and the round ends. The next round goes on. */
const maxFailures = 10;

/**
 * Recovers from crashes between two steps: puts lost jobs back, expires generations that have not begun before their deadline, and drops
 * generations whose retention is over. Every worker runs it, and repeats do no harm.
 */
export function createRecovery(options: RecoveryOptions) {
  const { redis, keys, generations, lanes, log, everyMs } = options;
  const forgetOutlived = createForgetOutlived(options);
  const lookForJobs = createLostJobs(options);
  const packEnded = createPackEnded(options);

  /**
   * Calls `visit` with every id whose score is at most `beforeMs`, a page at a time. Ids that a visit removes do not shift the rest, and a
   * failed visit does not stop the others.
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

  /** A failed part of a round does not stop the others. */
  async function tick(): Promise<void> {
    const nowMs = await redisTime(redis);
    const parts = [
      lookForJobs,
      () => each(keys.expiring, nowMs, expire),
      () => each(keys.retained, nowMs, forgetOutlived),
      packEnded,
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
