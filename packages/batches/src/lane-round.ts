import type { Account } from "@darkroom/accounts";
import { batchTask, laneOfTask } from "./records/batch-task.ts";
import { type BatchRecord } from "./records/batch-record.ts";
import { type BatchStore } from "./records/batch-store.ts";
import { type FeedingBatch, type LineStore } from "./records/line-store.ts";
import { type GenerationStore, isUnreadableRecord } from "@darkroom/generations";
import { type Lanes } from "@darkroom/queue";
import type { Keys, Quarantine } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import { type PreparedLine } from "./records/prepared-line.ts";
import { type ObjectStore, StorageError } from "@darkroom/storage";
import { createCollectEnded } from "./collect-ended.ts";
import type { PreparedLines } from "./prepared-lines.ts";
import { reachable, deficitRoundRobin, type Turns, unknownLines, type WindowOptions } from "./deficit-round-robin.ts";
import { createStopBatch, type StopBatchOptions } from "./stop-batch.ts";
import pMap from "p-map";
import { z } from "zod";

export type LaneRoundOptions = WindowOptions & {
  lane: string;
  batches: BatchStore;
  lines: LineStore;
  generations: Pick<GenerationStore, "withdraw" | "cancel">;
  lanes: Pick<Lanes, "add" | "areLocked">;
  objects: Pick<ObjectStore, "put" | "head">;
  prepared: PreparedLines;
  /** The account of a key; null for a key that is disabled, expired or deleted, whose batches are stopped. */
  accountOf: (keyId: string) => Promise<Pick<Account, "budget"> | null>;
  /** Counts a line that was canceled while it ran and is not billed. */
  countUnbilled: StopBatchOptions["countUnbilled"];
  /** Whether there is room for more lines in Redis, and the operator does not drain the lane. Otherwise lines are only collected. */
  mayFeed: () => Promise<boolean>;
  keys: Pick<Keys, "batch">;
  /** Where batches are noted that cannot be read, or stand still. Their rounds try them again. */
  quarantine: Pick<Quarantine, "setAside" | "release">;
  log: Pick<Logger, "info" | "error">;
  /** The time by the clock that all processes share, in Unix milliseconds: a worker with a wrong clock must not end batches. */
  now: () => Promise<number>;
};

/**
 * Batches that are looked at side by side; each look is a call to the store at most. 400 batches take half a second where the store takes 20 ms for
 * a call. S3 gets 50 connections from a worker, and most of them are for images.
 */
const batchesAtOnce = 16;

/**
 * API keys whose lines are fed side by side. Redis does what one connection has sent it before it turns to others: four scripts at a time
 * delay these by some milliseconds.
 */
const keysAtOnce = 4;

/**
 * How long a batch is skipped whose lines cannot be read, or whose results the store refuses. An operator may restore what is missing, or the
 * store is back.
 */
const standstillMs = 10_000;

/**
 * How long a key is skipped whose next line waits for reserved money. An image takes seconds, so the money is used soon after it is
 * released, and a round does not try each batch of the key again.
 */
const moneyPauseMs = 1_000;

const cannotBeRead = "The next lines of the batch cannot be read, and it stands still.";

/** The pause after a round that had work, and after one that had none. */
const busyPauseMs = 50;
const idlePauseMs = 250;

/**
 * Returns the work of the job `feed.{lane}`: one round over all batches of a lane, which collects ended lines and feeds as many new ones
 * as the window has room for. It answers when the next round is due, in milliseconds, or null where no batch is left. A round may be
 * killed at any point, and two may run at the same time, because every change is one script.
 */
export function createLaneRound(options: LaneRoundOptions) {
  const { lane, batches, lines, lanes, prepared, accountOf, mayFeed, keys, quarantine, log, now } = options;
  const stopIfDue = createStopBatch(options);
  const collect = createCollectEnded(options);
  const turns: Turns = new Map();
  /** Batches whose next lines are missing, broken or refused by the store, or whose results it refuses, and until when they are left alone. */
  const standing = new Map<string, number>();
  /** API keys whose next line waits for reserved money, and until when their batches are skipped. */
  const waitingKeys = new Map<string, number>();

  /** Batches whose records this release cannot read, as of the latest round: each is logged once. */
  let unknown = new Set<string>();

  /** The batches of the lane. A batch whose record this release cannot read is left to a worker of another release. */
  async function readBatches(): Promise<FeedingBatch[]> {
    const before = unknown;
    unknown = new Set();
    const read = async (id: string) => {
      try {
        return await batches.read(id);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        unknown.add(id);
        if (!before.has(id)) await setAside(id, error);
        return null;
      }
    };
    const found = (await Promise.all((await batches.feeding(lane)).map(read))).filter(isFeeding);
    await quarantine.release(
      "batch",
      [...before].filter((id) => !unknown.has(id)),
    );
    return found;
  }

  const setAside = (id: string, error: unknown) =>
    quarantine.setAside({ kind: "batch", id, error, record: keys.batch(id) });

  async function standStill(batch: FeedingBatch, nowMs: number, cause: unknown, sentence: string): Promise<void> {
    standing.set(batch.id, nowMs + standstillMs);
    await setAside(batch.id, new Error(sentence, { cause }));
  }

  /** It has gone on. */
  async function moveOn({ id }: FeedingBatch): Promise<void> {
    if (standing.delete(id)) await quarantine.release("batch", [id]);
  }

  /**
   * Does something for a batch. One with which that fails because of what is stored of it or of its key stands still, and the other batches
   * of the lane go on. Answers null for it.
   */
  async function workOn<T>(batch: FeedingBatch, nowMs: number, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const sentence = "What is stored of the batch or of its API key cannot be read, and it stands still.";
      if (nowMs >= (standing.get(batch.id) ?? 0)) await standStill(batch, nowMs, error, sentence);
      return null;
    }
  }

  /**
   * The next lines of a batch. A batch with missing or broken lines has none, and expires; other batches go on. Throws
   * `StorageError` where the store does not give them out.
   */
  async function nextOf(batch: FeedingBatch, nowMs: number): Promise<PreparedLine[]> {
    try {
      return await prepared.from(batch, batch.fed);
    } catch (error) {
      if (error instanceof StorageError) throw error;
      await standStill(batch, nowMs, error, cannotBeRead);
      return [];
    }
  }

  /** How many lines of a batch are collected now. One whose results the store refuses stands still; the others go on. */
  async function collectFrom(batch: FeedingBatch, round: Parameters<typeof collect>[1]): Promise<number> {
    if (round.nowMs < (standing.get(batch.id) ?? 0)) return 0;
    try {
      return await collect(batch, round);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      await standStill(batch, round.nowMs, error, "The store refuses the results of the batch, and it stands still.");
      return 0;
    }
  }

  /** Collects from one batch, and answers how many of its lines are on the lane and whether it has more to feed. */
  async function look(batch: FeedingBatch, { nowMs, batches: sharing }: { nowMs: number; batches: number }) {
    const before = batch.fed - batch.completed - batch.failed;
    const collected = await collectFrom(batch, { outstanding: before, batches: sharing, nowMs });
    const outstanding = before - collected;
    if (outstanding === 0 && (batch.fed === batch.total || batch.outcome !== null)) {
      if ((await batches.settle(batch)) !== "ok") return { batch, outstanding: 0, collected, hasMore: false };
      await moveOn(batch);
      const job = batchTask.finalize(batch.id);
      await lanes.add(laneOfTask(job), job, 1);
      log.info({ batchId: batch.id, tenant: batch.tenant }, "Nothing of a batch is on its lane any more");
      return null;
    }
    const isHeld = nowMs < Math.max(standing.get(batch.id) ?? 0, waitingKeys.get(batch.keyId) ?? 0);
    return { batch, outstanding, collected, hasMore: batch.outcome === null && batch.fed < batch.total && !isHeld };
  }

  /**
   * Feeds the next lines of a batch. Where the budget of its key has no room beside what is reserved, the key's younger batches wait
   * behind it. Otherwise their cheaper lines would take all released money, and a more expensive line would never find room.
   */
  async function feed(batch: FeedingBatch, next: readonly PreparedLine[], nowMs: number): Promise<number> {
    const { keyId } = batch;
    if (nowMs < (waitingKeys.get(keyId) ?? 0)) return 0;
    const account = await accountOf(keyId);
    if (account === null) return 0;
    const { fed, waitsForMoney } = await lines.feed(batch, batch.fed, next, account.budget);
    if (fed > 0) await moveOn(batch);
    if (!waitsForMoney) waitingKeys.delete(keyId);
    else {
      const fields = { batchId: batch.id, tenant: batch.tenant, keyId };
      if (!waitingKeys.has(keyId)) log.info(fields, "A batch waits for money that is reserved");
      waitingKeys.set(keyId, nowMs + moneyPauseMs);
    }
    return fed;
  }

  return async (signal: AbortSignal): Promise<number | null> => {
    const nowMs = await now();
    const found = await readBatches();
    const keysInUse = new Set(found.map(({ keyId }) => keyId));
    for (const keyId of waitingKeys.keys()) if (!keysInUse.has(keyId)) waitingKeys.delete(keyId);
    // All batches before any is collected, because an unreachable store must not keep a batch from being stopped.
    const stopped = await sideBySide(found, signal, (batch) => workOn(batch, nowMs, () => stopIfDue(batch, nowMs)));
    const due = stopped.filter((batch) => batch !== null);
    const looks = await sideBySide(due, signal, (batch) =>
      workOn(batch, nowMs, () => look(batch, { nowMs, batches: found.length })),
    );
    if (signal.aborted) return 0;
    const looked = looks.filter((one) => one !== null);
    const isUnsettled = unknown.size > 0 || found.some(({ id }) => standing.has(id));
    if (looked.length === 0) return isUnsettled ? idlePauseMs : null;
    let moved = looked.reduce((sum, { collected }) => sum + collected, 0);
    if (!(await mayFeed())) return moved > 0 ? busyPauseMs : idlePauseMs;

    const wanting = looked.map(({ batch, ...rest }) => ({ batch, ...rest, tenant: batch.tenant, batchId: batch.id }));
    const within = reachable(wanting, options);
    // Only the number of images is held. The lines that are fed are read again from the cached chunk.
    const sizes = new Map<string, number[]>();
    const refused = new Map<FeedingBatch, StorageError>();
    await sideBySide(
      looked.filter(({ batch }) => within.has(batch.id)),
      signal,
      async ({ batch }) => {
        const next = await nextOf(batch, nowMs).catch((error: unknown) => {
          if (!(error instanceof StorageError)) throw error;
          refused.set(batch, error);
          return [];
        });
        sizes.set(
          batch.id,
          next.map(({ images }) => images),
        );
      },
    );
    if (signal.aborted) return 0;
    // A store that refuses the lines of all batches is away. One that refuses those of some keeps no other batch waiting.
    const [refusal] = refused.values();
    if (refusal !== undefined && refused.size === sizes.size) throw refusal;
    for (const [batch, error] of refused) await standStill(batch, nowMs, error, cannotBeRead);
    const contenders = wanting.map(({ tenant, batchId, outstanding, hasMore }) => ({
      tenant,
      batchId,
      outstanding,
      next: sizes.get(batchId) ?? (hasMore ? unknownLines : []),
    }));
    const shares = deficitRoundRobin(contenders, options, turns);
    const fed = looked.filter(({ batch }) => sizes.has(batch.id) && (shares.get(batch.id) ?? 0) > 0);
    // One batch of a key after another: whether the next has room depends on what this one reserves.
    await pMap(
      Map.groupBy(fed, ({ batch }) => batch.keyId).values(),
      async (ofKey) => {
        for (const { batch } of ofKey) {
          if (signal.aborted) return;
          const fedNow = await workOn(batch, nowMs, async () =>
            feed(batch, (await nextOf(batch, nowMs)).slice(0, shares.get(batch.id)), nowMs),
          );
          moved += fedNow ?? 0;
        }
      },
      { concurrency: keysAtOnce },
    );
    if (signal.aborted) return 0;
    return moved > 0 ? busyPauseMs : idlePauseMs;
  };
}

const isFeeding = (batch: BatchRecord | null): batch is FeedingBatch =>
  batch !== null && batch.lane !== null && batch.model !== null;

/** Whether something failed for what is stored, and not for Redis or the store: another release wrote it, or it is damaged. */
const isUnreadable = (error: unknown): boolean =>
  isUnreadableRecord(error) || error instanceof z.ZodError || error instanceof SyntaxError;

/** Does something for several batches at a time, in their order; for none that is not begun when the signal aborts. */
async function sideBySide<T, R>(all: readonly T[], signal: AbortSignal, work: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  const begin = async (one: T, index: number) => {
    if (!signal.aborted) done[index] = await work(one);
  };
  await pMap(all, begin, { concurrency: batchesAtOnce });
  return done;
}
