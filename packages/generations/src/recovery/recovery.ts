import { isDamage, type OwnedTask, type Quarantine, redisTime, type TaskLeases } from "@darkroom/redis";
import type { GenerationStore } from "../records/generation-store.ts";
import { createPackEnded, type PackEndedOptions } from "../packing/pack-ended.ts";
import { createLostJobs, type LostJobsOptions } from "./lost-jobs.ts";

export type RecoveryOptions = LostJobsOptions &
  PackEndedOptions & {
    generations: Pick<GenerationStore, "expire">;
    quarantine: Pick<Quarantine, "setAside" | "release">;
  };

/** Does what is due of one part. Returns early when its worker does not hold the part any more. */
type Part = (isHeld: () => boolean) => Promise<void>;

/** Ids per page of a list. A page takes a few milliseconds of Redis. */
const page = 500;

/**
 * Recovers from crashes between two steps: puts lost jobs back, expires generations that have not begun before their deadline, and compresses the records of those that have ended. Each part is a background task of its own, which
 * one worker of the fleet holds at a time (`own`). Two workers that do a part at the same time do no harm.
 */
export function createRecovery(options: RecoveryOptions) {
  const { redis, keys, generations, lanes, quarantine, log } = options;
  const lostJobs = createLostJobs(options);

  /** Expires every generation whose deadline is over. One with which that fails is set aside, and does not stop the others. */
  async function expireDue(isHeld: () => boolean): Promise<void> {
    const nowMs = await redisTime(redis);
    // All of them first: ids that are expired would shift the pages.
    const ids: string[] = [];
    for (let offset = 0; ; offset += page) {
      const found = await redis.zrangebyscore(keys.expiring, "-inf", nowMs, "LIMIT", offset, page);
      ids.push(...found);
      if (found.length < page) break;
    }
    for (const id of ids) {
      if (!isHeld()) return;
      try {
        await expire(id);
      } catch (error) {
        if (!isDamage(error)) throw error;
        await quarantine.setAside({ kind: "expiry", id, error, waits: { lists: [keys.expiring] } });
      }
    }
  }

  async function expire(id: string): Promise<void> {
    const lane = await redis.hget(keys.record(id), "lane");
    if (lane === null) await redis.zrem(keys.expiring, id);
    else if ((await generations.expire(id, lane)) === "expired") await lanes.remove(lane, id);
  }

  const parts: Readonly<Record<string, Part>> = {
    queued: lostJobs.queued,
    running: lostJobs.running,
    expiring: expireDue,
    packing: createPackEnded(options),
  };

  return {
    /** One round of all parts, now. A part that fails does not stop the others. */
    tick: async (): Promise<void> => {
      const errors: unknown[] = [];
      for (const part of Object.values(parts)) await part(() => true).catch((error: unknown) => errors.push(error));
      if (errors.length > 0) throw new AggregateError(errors, "A part of recovery's round failed.");
    },

    /** Does a round of each part that this worker holds, every so many milliseconds. */
    own: (leases: TaskLeases, everyMs: number): OwnedTask =>
      leases.own({
        kind: "recovery",
        parts: Object.keys(parts),
        everyMs,
        tick: async ({ part, isHeld }) => parts[part]?.(isHeld),
        onError: (error, { part }) => log.warn({ part, err: error }, "Recovery could not finish its round"),
      }),
  };
}
