import { hash, randomUUID } from "node:crypto";
import type { BatchFault, Usage } from "@darkroom/contracts";
import {
  defineScript,
  encodeFormerPlace,
  formerPlaceMs,
  type Page,
  readFormerScore,
  readPage,
  redisTime,
  type Keys,
} from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { type BatchRecord, decodeBatch, type ShownBatch, shownBatchFields } from "./batch-record.ts";
import { countLines } from "./count-lines.ts";
import { type BatchRequest, createBatch, findEarlierBatch, type NewBatch } from "./create-batch.ts";

/** The result of validation for a batch that can run. */
export type AcceptedBatch = {
  model: string;
  lane: string;
  /** How many lines it has. */
  total: number;
  /** The index of the first line of each chunk of prepared lines. */
  chunks: readonly number[];
};

/** The result of finalization. */
export type FinishedBatch = {
  outputFileId: string | null;
  errorFileId: string | null;
  /** How many lines are in the output file and in the error file. Together they are all lines. */
  completed: number;
  failed: number;
  usage: Usage | null;
};

type BatchListOptions = {
  tenant: string;
  /** Continue with what is older than this id. */
  after?: string | undefined;
  limit: number;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

const moveBatch = defineScript(
  new URL("scripts/move-batch.lua", import.meta.url),
  z.union([z.enum(["ok", "gone", "refused"]), z.int()]),
);

/** What became of a batch that was to be accepted: `lines` is how many unfinished ones its tenant has, which leave no room for it. */
export type Acceptance = { kind: "accepted" } | { kind: "refused" } | { kind: "no_room"; lines: number };

/** Longer than the longest completion window and what follows it. */
const catalogueKeptMs = 60 * 86_400_000;

/**
 * The records of all batches. Each change of a status is one script: it is atomic, and may be repeated after a lost answer. `line-store.ts`
 * feeds and collects lines.
 */
export function createBatchStore(redis: Redis, keys: Keys) {
  const read = async (id: string): Promise<BatchRecord | null> => decodeBatch(await redis.hgetall(keys.batch(id)));

  /** Moves a batch from one of some statuses to another, with further fields. */
  const tryMove = (id: string, lane: string, from: string, to: string, fields: Record<string, string | number> = {}) =>
    moveBatch(
      redis,
      [keys.batch(id), keys.activeBatches, keys.feedingBatches(lane), keys.outbox, keys.endedBatches, keys.root],
      [id, randomUUID(), from, to, ...Object.entries(fields).flat()],
    );

  async function move(...what: Parameters<typeof tryMove>) {
    const answer = await tryMove(...what);
    if (typeof answer === "number") throw new Error("Only a batch that is to be accepted can find no room");
    return answer;
  }

  return {
    /** Writes a new batch, `validating`, or finds the one that the same request made. Its job must be put on the lane afterwards. Safe to repeat. */
    create: (batch: NewBatch, request?: BatchRequest) => createBatch(redis, keys, batch, request),

    /** Stores a catalogue for the batches that are accepted by it, and answers its SHA-256, by which it is found. */
    async keepCatalogue(text: string): Promise<string> {
      const sha256 = hash("sha256", text);
      const kept = await redis.pexpire(keys.catalogue(sha256), catalogueKeptMs);
      if (kept === 0) await redis.set(keys.catalogue(sha256), text, "PX", catalogueKeptMs);
      return sha256;
    },

    /** A catalogue that was kept; null where there is none. */
    readCatalogue: (sha256: string): Promise<string | null> => redis.get(keys.catalogue(sha256)),

    /** The batch that the same request has made before; null where there is none. Writes nothing. */
    findEarlier: (batch: NewBatch, request: Omit<BatchRequest, "claimsMs">) =>
      findEarlierBatch(redis, keys, batch, request),

    read,

    /** A tenant's batches, newest first. Null when the id to go on from is not one of the tenant's, or no longer remembered. */
    list: async ({ tenant, after, limit, signal }: BatchListOptions): Promise<Page<ShownBatch> | null> =>
      readPage<ShownBatch>({
        redis,
        index: keys.batchIndex(tenant),
        towards: "oldest",
        from: after,
        formerScore: async (id) => readFormerScore(redis, keys.formerPlace(id), tenant),
        limit,
        recordKey: keys.batch,
        fields: shownBatchFields,
        decode: decodeBatch,
        signal,
      }),

    /** Ids of the batches that have not ended. */
    active: (): Promise<string[]> => redis.zrange(keys.activeBatches, "0", "-1"),

    /** Ids of the batches that have lines for a lane, or lines on it. */
    feeding: (lane: string): Promise<string[]> => redis.zrange(keys.feedingBatches(lane), "0", "-1"),

    /**
     * The input is right: its lines may be fed, and count as unfinished ones of its tenant until they end. `refused` where the batch is not
     * being validated any more; `no_room` where its tenant would have more unfinished lines than the batch says.
     */
    async accept(id: string, { model, lane, total, chunks }: AcceptedBatch): Promise<Acceptance> {
      const fields = { model, lane, total, chunks: JSON.stringify(chunks) };
      const answer = await tryMove(id, lane, "validating", "in_progress", fields);
      if (typeof answer === "number") return { kind: "no_room", lines: answer };
      return { kind: answer === "ok" ? "accepted" : "refused" };
    },

    /** Counts, in the records of batches, the lines of each tenant that have not ended. */
    countLines: () => countLines(redis, keys),

    /**
     * The input cannot be run: `errors` are the first of `count` faults, and the file has all of them where these are more. False where the
     * batch is not being validated any more.
     */
    async fail(
      id: string,
      errors: readonly BatchFault[],
      { count = errors.length, errorFileId }: { count?: number; errorFileId?: string | undefined } = {},
    ): Promise<boolean> {
      const fields = { errors: JSON.stringify(errors), errorCount: count, ...(errorFileId && { errorFileId }) };
      return (await move(id, "", "validating", "failed", fields)) === "ok";
    },

    /** Stops a batch. Ended lines stay, and running lines may finish. `refused` where it is finalizing or has ended. */
    cancel: (id: string, lane: string | null) =>
      move(id, lane ?? "", "validating in_progress", "cancelling", { outcome: "cancelled" }),

    /** Notes that a batch is out of time. None of its lines are fed any more. */
    overdue: (id: string, lane: string) => move(id, lane, "in_progress", "in_progress", { outcome: "expired" }),

    /**
     * Nothing of the batch is on its lane any more and nothing more will be: its output may be put together. `refused` where something
     * is on its lane all the same, or where it has been settled before.
     */
    settle: ({ id, lane, outcome }: BatchRecord) =>
      outcome === "cancelled"
        ? move(id, lane ?? "", "cancelling", "cancelling", { ready: 1 })
        : move(id, lane ?? "", "in_progress", "finalizing", { ready: 1 }),

    /** The output is stored: the batch ends with its outcome. False where it ended before. */
    async finish(batch: BatchRecord, finished: FinishedBatch): Promise<boolean> {
      const { outputFileId, errorFileId, completed, failed, usage } = finished;
      const fields = {
        completed,
        failed,
        ...(outputFileId !== null && { outputFileId }),
        ...(errorFileId !== null && { errorFileId }),
        ...(usage !== null && { usage: JSON.stringify(usage) }),
      };
      const from = "finalizing cancelling";
      return (await move(batch.id, batch.lane ?? "", from, batch.outcome ?? "completed", fields)) === "ok";
    },

    /** Ids of the batches that ended so long ago that their output is not kept any more, the longest ago first. */
    async outlived(limit: number): Promise<string[]> {
      return redis.zrangebyscore(keys.endedBatches, "-inf", await redisTime(redis), "LIMIT", 0, limit);
    },

    /** Removes a batch from Redis. Its objects must be removed before, because nothing else names them. */
    async forget(id: string): Promise<void> {
      const [tenant, createdAtMs] = await redis.hmget(keys.batch(id), "tenant", "createdAt");
      const transaction = redis.multi();
      if (tenant && createdAtMs) {
        transaction
          .set(keys.formerPlace(id), encodeFormerPlace(tenant, createdAtMs), "PX", formerPlaceMs)
          .zrem(keys.batchIndex(tenant), id);
      }
      await transaction
        .del(keys.batch(id), keys.batchEnded(id), keys.batchLines(id))
        .zrem(keys.endedBatches, id)
        .exec();
    },
  };
}

export type BatchStore = ReturnType<typeof createBatchStore>;
