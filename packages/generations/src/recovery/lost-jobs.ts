import { defineScript, type Keys, type Quarantine, quarantinePauseMs, redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { JobPlace, Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";

export type LostJobsOptions = {
  redis: Redis;
  keys: Keys;
  lanes: Lanes;
  quarantine: Pick<Quarantine, "setAside">;
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

/** The generations of one state. */
type List = {
  status: "queued" | "running";
  /** A ZSET of ids by the time from which on their jobs are looked for. */
  key: string;
  /** How long after that time one is due, in milliseconds. */
  afterMs: number;
  /** Deals with generations of one lane that were claimed, given what BullMQ holds of their jobs. */
  mend: (lane: string, claimed: readonly Claimed[], places: ReadonlyMap<string, JobPlace>) => Promise<void>;
};

type Claimed = { id: string; lane: string; priority: number; attempts: string; missing: string };

const claimDue = defineScript(new URL("../scripts/claim-due.lua", import.meta.url), z.array(z.string()));
const lookAtJobs = defineScript(new URL("../scripts/look-at-jobs.lua", import.meta.url), z.tuple([z.int(), z.int()]));
const noteMissing = defineScript(new URL("../scripts/note-missing.lua", import.meta.url), z.enum(["ok", "moved"]));

const isLost = (place: JobPlace | undefined): boolean => place === "none" || place === "broken";

/** Generations whose jobs are compared in one script: for eight lanes about half a millisecond of Redis. */
const page = 500;
/** Generations whose records are read in one script, each some 3 µs of Redis. */
const claimedAtOnce = 100;
/** The most pages of a list in one round. The next round takes the rest. */
const maxPages = 100;
/** No pause before an attempt is longer than 20 minutes (`retry-policy.ts`), so no entry is due later than that. */
const furthestMs = 3_600_000;
/** How many ids a log line names. */
const namedIds = 20;

/**
 * Returns the functions that check the jobs of all queued and of all running generations, as they become due, and put lost jobs back. A
 * generation is on the list of its state for as long as it is in that state, so its lost job is found here, whatever removed it, also
 * after BullMQ's keys were deleted.
 *
 * A page of a list is compared with what BullMQ holds in one script, which reads no record. Only where a job is not in its place is the
 * record read, and the entry claimed: two workers that look at the same list at a time share it.
 */
export function createLostJobs(options: LostJobsOptions) {
  const { redis, keys, lanes, quarantine, log, queuedAfterMs, runningAfterMs, lookAgainMs } = options;
  const { claimMs, lockDurationMs } = options;
  /** The lanes on which generations were found. Those of the others are read one by one. */
  const knownLanes = new Set<string>();

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

  /** Its owner may cancel it, which ends it. */
  const setAside = (id: string, list: string, reason: string): Promise<void> => {
    const error = new Error(reason);
    return quarantine.setAside({ kind: "lost-job", id, error, record: keys.record(id), waits: { lists: [list] } });
  };

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

  /** Reads the records of the entries that are due, as many as told, and puts the lost jobs among them back. */
  async function mendSome({ status, key, afterMs, mend }: List, count: number, errors: unknown[]): Promise<void> {
    const args = [status, afterMs, claimMs, count, quarantinePauseMs];
    const fields = await claimDue(redis, [key, keys.root], args);
    const claimed: Claimed[] = [];
    for (let at = 0; at < fields.length; at += 5) {
      const [id = "", lane = "", priority, attempts = "", missing = ""] = fields.slice(at, at + 5);
      if (lane !== "") claimed.push({ id, lane, priority: Number(priority), attempts, missing });
      else await setAside(id, key, missing);
    }
    for (const [lane, some] of Map.groupBy(claimed, (one) => one.lane)) {
      try {
        const ids = some.map(({ id }) => id);
        const found = await lanes.findMany(lane, ids);
        await mend(lane, some, new Map(ids.map((id, i) => [id, found[i] ?? "none"])));
        knownLanes.add(lane);
      } catch (error) {
        // The other lanes go on. The claim runs out, and the entries of this one are due again.
        errors.push(error);
      }
    }
  }

  /** Looks at a page of what is due. Answers whether there may be more. */
  async function lookAtPage(list: List, errors: unknown[]): Promise<boolean> {
    const args = [list.status, list.afterMs, lookAgainMs, page, furthestMs, ...knownLanes];
    const [due, differing] = await lookAtJobs(redis, [list.key, `${keys.lanes}:`], args);
    for (let left = differing; left > 0; left -= claimedAtOnce) {
      await mendSome(list, Math.min(left, claimedAtOnce), errors);
    }
    return due === page;
  }

  /** Looks at all entries of a list that are due. Throws what kept it from some of them, after it has looked at the others. */
  const lookAt =
    (list: List) =>
    async (isHeld: () => boolean): Promise<void> => {
      const errors: unknown[] = [];
      for (let pages = 0; pages < maxPages && isHeld(); pages++) if (!(await lookAtPage(list, errors))) break;
      if (errors.length > 0) throw new AggregateError(errors, "The jobs of some lanes could not be looked at.");
    };

  return {
    queued: lookAt({ status: "queued", key: keys.queued, afterMs: queuedAfterMs, mend: mendQueued }),
    running: lookAt({ status: "running", key: keys.running, afterMs: runningAfterMs, mend: mendRunning }),
  };
}
