import type { Ending, ImageRequest } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { defineScript } from "./define-script.ts";
import type { Delivery } from "./delivery.ts";
import type { Failure } from "./failure.ts";
import { decodeRecord, type GenerationRecord, type Upstream } from "./generation-record.ts";
import type { Keys } from "./keys.ts";

export type Submission = {
  id: string;
  tenant: string;
  keyId: string;
  lane: string;
  model: string;
  request: ImageRequest;
  upstream: Upstream;
  /** How long it may wait for its start, in milliseconds; absent = for ever. */
  expiresInMs?: number | undefined;
  /** Channel to tell when it ends; absent where nobody waits. */
  replyTo?: string | undefined;
};

/** What a script said: `fenced` = a later attempt owns the record, `ended` = the terminal state was set before, `gone` = no record. */
export type Verdict = "ok" | "fenced" | "ended" | "gone";

const submit = defineScript<number>("submit");
const start = defineScript<"gone" | "ended" | "expired" | string[]>("start", ["ending"]);
const checkpoint = defineScript<"ok" | "fenced">("checkpoint");
const end = defineScript<Verdict>("end", ["ending"]);
const postpone = defineScript<"ok" | "fenced">("postpone");
const abandon = defineScript<"canceled" | "kept">("abandon", ["ending"]);
const expire = defineScript<"expired" | "kept">("expire", ["ending"]);

/**
 * The records of all generations, and every move of their states. Each move is one script: it happens whole or not at all, may be
 * repeated after a lost answer, and the terminal state is set once.
 *
 * @param retentionMs how long the record of an ended generation is kept
 */
export function createGenerationStore(redis: Redis, keys: Keys, retentionMs: number) {
  const endingKeys = (id: string, lane: string) => [
    keys.record(id),
    keys.running,
    keys.unlaned,
    keys.expiring,
    keys.pending(lane),
  ];

  return {
    /** Accepts a generation: from here on it ends exactly once. Returns its rank among its tenant's unended ones on the lane. */
    async submit(submission: Submission): Promise<number> {
      const { id, tenant, expiresInMs, replyTo, ...rest } = submission;
      const { lane, request, upstream } = rest;
      const shapes = { request: JSON.stringify(request), upstream: JSON.stringify(upstream) };
      const fields = Object.entries({ ...rest, ...shapes }).flat();
      const where = [keys.record(id), keys.unlaned, keys.expiring, keys.pending(lane)];
      return submit(redis, where, [id, tenant, expiresInMs ?? 0, replyTo ?? "", ...fields]);
    },

    async read(id: string): Promise<GenerationRecord | null> {
      return decodeRecord(await redis.hgetall(keys.record(id)));
    },

    /** Begins an attempt, or says why there is nothing to do. */
    async start(id: string, lane: string): Promise<GenerationRecord | "gone" | "ended" | "expired"> {
      const answer = await start(redis, endingKeys(id, lane), [id, retentionMs]);
      if (typeof answer === "string") return answer;
      const record = decodeRecord(Object.fromEntries(pairs(answer)));
      if (record === null)
        throw new Error(`The record of ${id} has no id: something else wrote to ${keys.record(id)}.`);
      return record;
    },

    /** Notes what was bought before it is uploaded. */
    async checkpoint(id: string, attempt: number, delivery: Delivery): Promise<Verdict> {
      return checkpoint(redis, [keys.record(id)], [attempt, JSON.stringify(delivery)]);
    },

    async succeed(id: string, lane: string, attempt: number, delivery: Delivery): Promise<Verdict> {
      return endAs("succeeded", id, lane, attempt, ["delivery", JSON.stringify(delivery)]);
    },

    async fail(id: string, lane: string, attempt: number, error: Failure): Promise<Verdict> {
      return endAs("failed", id, lane, attempt, ["error", JSON.stringify(error)]);
    },

    /** Puts a running generation down for another attempt. A failure counts against its tries, handing it back does not. */
    async postpone(id: string, attempt: number, reason: "failures" | "handbacks", pauseMs: number): Promise<Verdict> {
      const where = [keys.record(id), keys.running, keys.unlaned];
      return postpone(redis, where, [id, attempt, reason, pauseMs]);
    },

    /** Tells that the caller behind `replyTo` is gone: an unbegun generation that nobody else waits for is canceled. */
    async abandon(id: string, lane: string, replyTo: string): Promise<"canceled" | "kept"> {
      return abandon(redis, endingKeys(id, lane), [id, replyTo, retentionMs]);
    },

    /** Ends a generation that was not begun in its time. */
    async expire(id: string, lane: string): Promise<"expired" | "kept"> {
      return expire(redis, endingKeys(id, lane), [id, retentionMs]);
    },
  };

  async function endAs(status: Ending, id: string, lane: string, attempt: number, fields: string[]): Promise<Verdict> {
    return end(redis, endingKeys(id, lane), [id, attempt, status, retentionMs, ...fields]);
  }
}

export type GenerationStore = ReturnType<typeof createGenerationStore>;

/** A flat list of field, value, … as Lua sees a hash, in pairs. */
function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i] ?? "", flat[i + 1] ?? ""];
}
