import { type Bill, type Ending, isCallersFault } from "@darkroom/contracts";
import type { GenerationRecord } from "../records/generation-record.ts";
import type { Delivery } from "../records/delivery.ts";
import type { AttemptStore, BegunRecord, Verdict } from "../records/attempt-store.ts";
import type { Failure } from "../records/failure.ts";
import type { MissingImage } from "../records/missing-image.ts";
import { UnreadableRecord } from "../records/unreadable-record.ts";
import { followCall } from "./follow-call.ts";
import { insist } from "./insist.ts";
import {
  type FinishJob,
  type HeldJob,
  type LaneBackoff,
  pauseBeforeRetry,
  type Rerun,
  type RetryPolicy,
} from "@darkroom/queue";
import { createNotedObjects, type NotedObjectsOptions } from "./noted-objects.ts";
import type { Outcome, Work } from "./outcome.ts";

export type RunAttemptOptions = NotedObjectsOptions & {
  attempts: AttemptStore;
  backoff: LaneBackoff;
  lane: string;
  work: Work;
  /** Computes the bill of a delivery, given the images that are missing from it. */
  billOf: (record: GenerationRecord, delivery: Delivery, missing?: readonly MissingImage[]) => Bill;
  /** Called with each ending that an attempt of this process has written. */
  onEnding?: (record: GenerationRecord, ending: AttemptEnding) => void;
  /** Runs an attempt that has begun, to its settlement. Absent: it is run as it is. */
  within?: FollowAttempt;
  /** Called with each job that is handed back because its record cannot be read. */
  onUnreadable: (error: UnreadableRecord) => void;
  retryPolicy: RetryPolicy;
  random: () => number;
};

/**
 * An ending and its bill, which is null where nothing was delivered. `unbilled`: the provider may have charged all the same, and the tenant
 * is not billed.
 */
export type AttemptEnding = { status: Ending; bill: Bill | null; unbilled: boolean };

/** Runs an attempt that has begun, and returns what it returns: for a trace of it, say. */
export type FollowAttempt = <T>(record: BegunRecord, run: () => Promise<T>) => Promise<T>;

/**
 * Runs one attempt at a generation, from its start in the record to its settlement.
 * Returns when its job runs again, or null when the job is done. Throws when the attempt could not begin, when the job now belongs to
 * another worker, or when Redis does not take the outcome. Then the job goes back to its lane, and the record decides what follows.
 *
 * @param signal aborted with an `Interruption`: after `stopping` the work is handed back, after `canceled` it is dropped
 * @param held the record as it was read with the job, and the write that takes the job off the lane with the ending
 */
export async function runAttempt(
  options: RunAttemptOptions,
  id: string,
  signal: AbortSignal,
  held: HeldJob,
): Promise<Rerun> {
  const { attempts, lane, log } = options;
  const after = await attemptOnce(options, id, signal, held);
  if (after !== "unless it is queued") return after;
  // Its owner may have queued it again, and while a worker holds the job, BullMQ adds no other.
  return (await insist(() => attempts.isQueued(id), log, { generationId: id, lane })) ? 0 : null;
}

/**
 * What follows an attempt. The job of a generation that the attempt has ended is done, and is off its lane. The job of one that has ended in
 * another way, or that this attempt does not own any more, is done `unless it is queued`.
 */
type AfterAttempt = Rerun | "unless it is queued";

async function attemptOnce(
  options: RunAttemptOptions,
  id: string,
  signal: AbortSignal,
  { hash, finish }: HeldJob,
): Promise<AfterAttempt> {
  const { attempts, lane, retryPolicy, log, within = (_record, run) => run() } = options;
  const record = await attempts.start(id, lane, hash).catch((error: unknown) => {
    if (error instanceof UnreadableRecord) return error;
    throw error;
  });
  if (record instanceof UnreadableRecord) {
    options.onUnreadable(record);
    return retryPolicy.unreadablePauseMs;
  }
  if (record === "stopped") {
    log.info({ generationId: id, lane }, "The API key of a generation is no longer in use; it was canceled");
    return "unless it is queued";
  }
  if (typeof record === "number") {
    log.debug({ generationId: id, lane, pauseMs: record }, "The job of a generation came before its pause was over");
    return record;
  }
  if (typeof record === "string") {
    log.debug({ generationId: id, lane }, `Nothing to do: the generation is ${record}`);
    return "unless it is queued";
  }
  return within(record, () => carryOut(options, record, signal, finish));
}

/** Works on a generation whose attempt has begun, and settles what came of it. */
async function carryOut(
  options: RunAttemptOptions,
  record: BegunRecord,
  signal: AbortSignal,
  finish: FinishJob,
): Promise<AfterAttempt> {
  const { attempts, lane, work, retryPolicy, log } = options;
  const { id, attempts: attempt } = record;
  const crashes = attempt - 1 - record.failures - record.handbacks;
  const fields = { generationId: id, tenant: record.tenant, lane, attempt };
  const noted = createNotedObjects(options, record, fields);
  const write: Write = async (script) => {
    const verdict = await insist(script, log, fields);
    if (verdict !== "ok") void noted.dropUnnamed();
    return verdict;
  };
  const call = followCall({ ...options, laneBacksOff: record.laneBacksOff });
  let outcome: Outcome;
  try {
    outcome = await work({
      record,
      signal,
      mayRepeat: record.mayRepeat,
      exhausted: record.halted !== null ? batchStopped : crashes > retryPolicy.maxCrashes ? workersStopped : null,
      checkpoint: async (delivery, missing) => {
        noted.add(delivery);
        return (await write(() => attempts.checkpoint(id, attempt, delivery, missing))) === "ok";
      },
      noteCall: async (called, isEnd) => (await write(() => attempts.noteCall(id, attempt, called, isEnd))) === "ok",
      showPartial: async (partial) => {
        try {
          return (await attempts.appendPartial(id, attempt, partial)) === "ok";
        } catch (error) {
          log.warn({ ...fields, err: error }, "A partial image could not be shown");
          return false;
        }
      },
    });
  } catch (error) {
    if (signal.reason === "canceled") {
      // The cancellation may be from before its owner queued the generation again, and this attempt of the new life.
      if ((await write(() => attempts.breakOff(id, lane, attempt))) === "ok") return 0;
      log.info(fields, "The generation was canceled; its provider call is aborted");
      return "unless it is queued";
    }
    if (signal.reason === "stopping") {
      await write(() => attempts.breakOff(id, lane, attempt));
      log.info(fields, "The worker stops; the generation is given back to its lane");
      return 0;
    }
    if (signal.aborted) throw error;
    log.error({ ...fields, err: error }, "The attempt broke on a fault of our own");
    outcome = {
      kind: "failed",
      error: { code: "server_error", message: "Darkroom failed while it handled this request." },
    };
  } finally {
    call.end();
  }
  if (outcome.kind !== "retry") {
    const [after] = await Promise.all([settle(options, record, outcome, { write, finish, fields }), call.accepted()]);
    return after;
  }
  if (outcome.rateLimited !== undefined) {
    const { retryAfterMs, roomInMs } = outcome;
    const closedMs = roomInMs ?? (await insist(() => call.refused(retryAfterMs), log, fields));
    if (roomInMs === undefined) {
      log.warn({ ...fields, closedMs }, "The upstream's rate limit is reached; the lane gives out no job for a while");
    }
    if (outcome.rateLimited === "wholly") {
      const verdict = await insist(() => attempts.putInLine(id, lane, attempt), log, fields);
      if (verdict === "ok") {
        const sentence =
          "The upstream's rate limit refused the attempt; it is not counted, and the generation waits in line";
        log.info({ ...fields, roomInMs }, sentence);
        return roomInMs ?? afterRefusals(record.rateLimits + 1, closedMs);
      }
      if (verdict !== "late") {
        void noted.dropUnnamed();
        return "unless it is queued";
      }
    }
  }
  return settle(options, record, outcome, { write, finish, fields });
}

/** How many refusals a generation may have and still be the next to be tried. */
const refusalsInPlace = 2;
/** The first delay after the lane opens, during which others go first. It doubles with each further refusal. */
const firstStepAsideMs = 2_000;
/** The longest such delay: as long as a lane is closed where the upstream names no time. */
const maxStepAsideMs = 30_000;

/**
 * When a generation runs again after so many refusals by the rate limit. A limit may refuse one request and accept all others, for its
 * number of images for example. If that request were always tried first, it would keep the lane closed to all.
 */
function afterRefusals(refusals: number, closedMs: number): Exclude<Rerun, null> {
  if (refusals <= refusalsInPlace) return "in line";
  return closedMs + Math.min(firstStepAsideMs * 2 ** (refusals - refusalsInPlace - 1), maxStepAsideMs);
}

const workersStopped: Failure = {
  code: "server_error",
  message: "Workers stopped repeatedly while they handled this request, so it is not tried again.",
};

const batchStopped: Failure = {
  code: "conflict",
  message: "The batch was canceled, or its time was over, before this image was made.",
};

/** Writes the outcome of the attempt. */
type Write = (script: () => Promise<Verdict>) => Promise<Verdict>;

async function settle(
  { attempts, lane, billOf, onEnding, retryPolicy, random, log }: RunAttemptOptions,
  record: BegunRecord,
  outcome: Outcome,
  { write, finish, fields }: { write: Write; finish: FinishJob; fields: object },
): Promise<AfterAttempt> {
  const { id, attempts: attempt, failures } = record;
  // A generation that only the rate limit refused is here because it has waited as long as it may.
  if (outcome.kind === "retry" && outcome.rateLimited !== "wholly") {
    const pauseMs = pauseBeforeRetry(retryPolicy, failures + 1, outcome.retryAfterMs, random);
    if (pauseMs !== null) {
      const verdict = await write(() => attempts.postpone(id, lane, attempt, "failures", pauseMs));
      log.warn(
        { ...fields, verdict, pauseMs, code: outcome.error.code },
        `The attempt failed and is tried again: ${outcome.error.message}`,
      );
      return verdict === "ok" ? pauseMs : "unless it is queued";
    }
  }
  const delivery =
    outcome.kind === "failed" ? undefined : outcome.kind === "retry" ? outcome.partial : outcome.delivery;
  if (delivery !== undefined) {
    const missing = outcome.kind === "failed" ? [] : outcome.missing;
    const bill = billOf(record, delivery, missing);
    const verdict = await write(() => attempts.succeed(id, lane, attempt, delivery, bill, missing, finish));
    if (verdict === "ok") onEnding?.(record, { status: "succeeded", bill, unbilled: false });
    log.info({ ...fields, verdict, images: bill.images, costMicros: bill.costMicros }, "The generation succeeded");
    if (verdict === "ok") return null;
  } else if (outcome.kind !== "succeeded") {
    const { error } = outcome;
    const uncharged = isUncharged(outcome);
    if (record.halted !== null) {
      const { halted } = record;
      const ended = await write(() => attempts.halt(id, lane, attempt, halted, finish));
      if (ended === "ok") onEnding?.(record, { status: halted, bill: null, unbilled: isUnbilled(record, true) });
      log.info(
        { ...fields, verdict: ended, status: halted },
        "The batch of a generation was stopped; it is not begun again",
      );
      return ended === "ok" ? null : "unless it is queued";
    }
    const verdict = await write(() => attempts.fail(id, lane, attempt, error, uncharged, finish));
    if (verdict === "ok") onEnding?.(record, { status: "failed", bill: null, unbilled: isUnbilled(record, uncharged) });
    // The upstream's message about the caller's request quotes it.
    const why = isCallersFault(error.code) ? "" : `: ${error.message}`;
    log.warn({ ...fields, verdict, code: error.code }, `The generation failed${why}`);
    if (verdict === "ok") return null;
  }
  return "unless it is queued";
}

/** Whether it is certain that the attempt was not charged. An attempt that may be retried was not. */
const isUncharged = (outcome: Exclude<Outcome, { kind: "succeeded" }>): boolean =>
  outcome.kind === "retry" ? outcome.mayHaveCharged !== true : outcome.nothingCharged === true;

/** The same rule as in the scripts: an earlier attempt of this life may have been charged, whatever the last one did. */
const isUnbilled = ({ inDoubt, billUndelivered }: BegunRecord, uncharged: boolean): boolean =>
  (inDoubt || !uncharged) && billUndelivered !== "reserved";
