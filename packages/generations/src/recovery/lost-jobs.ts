import { defineScript, redisTime, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { JobPlace, Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";

export type LostJobsOptions = {
  redis: Redis;
  keys: Keys;
  lanes: Lanes;
  log: Logger;
  /** How long after it was submitted, or should go on, a queued generation's job is looked for, in milliseconds. */
  queuedAfterMs: number;
  /** How long after its start a running generation's job is looked for, in milliseconds: over a lock and two stalled checks. */
  runningAfterMs: number;
  /** How long until a job that was there is looked for again, in milliseconds. */
  lookAgainMs: number;
  /** How long a claim of one worker lasts, in milliseconds. The worker may die, or be refused, before it has put the job back. */
  claimMs: number;
  /** After how long a worker knows at the latest that it has lost the lock on a job, in milliseconds. */
  lockDurationMs: number;
};

type Claimed = { id: string; lane: string; priority: number; attempts: string; missing: string };

const claimDue = defineScript(new URL("../scripts/claim-due.lua", import.meta.url), z.tuple([z.int()], z.string()));
const noteMissing = defineScript(new URL("../scripts/note-missing.lua", import.meta.url), z.enum(["ok", "moved"]));

const isLost = (place: JobPlace | undefined): boolean => place === "none" || place === "broken";

/** Generations per script, each some 3 µs of Redis, so callers are delayed by less than half a millisecond. */
const page = 100;
/** The most pages of a list in one round. The next round takes the rest. */
const maxPages = 100;
/** No pause before an attempt is longer than 20 minutes (`retry-policy.ts`), so no entry is due later than that. */
const furthestMs = 3_600_000;
/** How many ids a log line names. */
const namedIds = 20;

/**
 * Returns the function that checks the jobs of all generations that have not ended, as they become due, and puts lost jobs back. Workers
 * share the work: a claimed generation is not due for other workers. A generation is on the list of its state for as long as it is in that
 * state, so its lost job is found here, whatever removed it, also after BullMQ's keys were deleted.
 */
export function createLostJobs(options: LostJobsOptions) {
  const { redis, keys, lanes, log, queuedAfterMs, runningAfterMs, lookAgainMs, claimMs, lockDurationMs } = options;
  const lists = [
    { status: "queued", key: keys.queued, afterMs: queuedAfterMs, mend: mendQueued },
    { status: "running", key: keys.running, afterMs: runningAfterMs, mend: mendRunning },
  ] as const;

  async function putBack(lane: string, lost: readonly Claimed[], places: ReadonlyMap<string, JobPlace>): Promise<void> {
    if (lost.length === 0) return;
    // The remains of a job prevent another job with the same id.
    for (const { id } of lost) if (places.get(id) === "broken") await lanes.remove(lane, id);
    await lanes.addMany(lane, lost);
    const generationIds = lost.slice(0, namedIds).map(({ id }) => id);
    log.warn(
      { lane, jobs: lost.length, generationIds },
      "Jobs of generations were lost, and are put back on their lane",
    );
  }

  /** Makes generations due later by so much. Those that have left the list stay off it. */
  async function rest(list: string, afterMs: number, some: readonly Claimed[], againMs: number): Promise<void> {
    if (some.length === 0) return;
    const scoreMs = (await redisTime(redis)) - afterMs + againMs;
    await redis.zadd(list, "XX", ...some.flatMap(({ id }) => [scoreMs, id]));
  }

  async function mendQueued(lane: string, claimed: readonly Claimed[], places: ReadonlyMap<string, JobPlace>) {
    await putBack(
      lane,
      claimed.filter(({ id }) => isLost(places.get(id))),
      places,
    );
    // One that is held was canceled and queued again by its owner, while a worker still holds the job of before: that job goes when the
    // worker lets it go, and the next round looks again.
    const waiting = claimed.filter(({ id }) => places.get(id) !== "held");
    await rest(keys.queued, queuedAfterMs, waiting, lookAgainMs);
  }

  /**
   * A worker whose lock was deleted with the job learns of it when it renews the lock. Until then it goes on, and another attempt would buy a
   * second time. So the job of a running generation is put back only when it is missing for the second time.
   */
  async function mendRunning(lane: string, claimed: readonly Claimed[], places: ReadonlyMap<string, JobPlace>) {
    const lost = claimed.filter(({ id }) => isLost(places.get(id)));
    const isNoted = ({ attempts, missing }: Claimed) => attempts === missing;
    await putBack(lane, lost.filter(isNoted), places);
    const againMs = (await redisTime(redis)) - runningAfterMs + lockDurationMs;
    for (const { id, attempts } of lost.filter((one) => !isNoted(one))) {
      await noteMissing(redis, [keys.record(id), keys.running], [id, attempts, againMs]);
    }
    await rest(
      keys.running,
      runningAfterMs,
      claimed.filter(({ id }) => !isLost(places.get(id))),
      lookAgainMs,
    );
  }

  async function lookAtPage({ status, key, afterMs, mend }: (typeof lists)[number]): Promise<number> {
    const [due, ...fields] = await claimDue(redis, [key, keys.root], [status, afterMs, claimMs, page, furthestMs]);
    const claimed: Claimed[] = [];
    for (let at = 0; at < fields.length; at += 5) {
      const [id = "", lane = "", priority, attempts = "", missing = ""] = fields.slice(at, at + 5);
      claimed.push({ id, lane, priority: Number(priority), attempts, missing });
    }
    for (const [lane, some] of Map.groupBy(claimed, (one) => one.lane)) {
      const found = await lanes.findMany(
        lane,
        some.map(({ id }) => id),
      );
      await mend(lane, some, new Map(some.map(({ id }, i) => [id, found[i] ?? "none"])));
    }
    return due;
  }

  return async (): Promise<void> => {
    for (const list of lists) {
      for (let pages = 0; pages < maxPages; pages++) if ((await lookAtPage(list)) < page) break;
    }
  };
}
