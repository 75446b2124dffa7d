import {
  type Admission,
  admissionArgument,
  type MinuteUse,
  readMinuteUse,
  readRefusal,
  type Refusal,
  type ScriptNumbers,
} from "@darkroom/accounts";
import { endings, type ImageRequest } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { endingScript, queueScript } from "./queue-script.ts";
import { digestOf, fingerprintOf } from "./fingerprint.ts";
import { decodeRecord, type GenerationRecord, type Upstream } from "./generation-record.ts";
import { generationKeys, type Keys } from "../connection/keys.ts";
import type { Retention } from "./retention.ts";

export type Submission = {
  id: string;
  tenant: string;
  keyId: string;
  lane: string;
  model: string;
  request: ImageRequest;
  upstream: Upstream;
  /** What it will be billed by, kept with the record: the prices of today. */
  terms: object;
  /** What it takes of the limits and the budget of its key. */
  admission: Admission;
  /** How long it may wait for its start, in milliseconds; absent = for ever. */
  expiresInMs?: number | undefined;
  /** Channel to tell when it ends; absent where nobody waits. */
  replyTo?: string | undefined;
  /** Whether that channel is to hear of every change and partial image, too. */
  watch?: boolean | undefined;
  /** The caller's own name for this request: the same again is the same generation. */
  idempotencyKey?: string | undefined;
  /** For callers whose client counts its retries (`X-Stainless-Retry-Count`): a retry finds the generation of its first try. */
  clientRetry?: "first" | "retry" | undefined;
};

/** It was taken in, or its key may not have it: a limit or the budget is reached, and nothing was written. `use` = null: nothing is counted. */
type Admitted =
  | { kind: "accepted"; rank: number; use: MinuteUse | null }
  | { kind: "refused"; refusal: Refusal; use: MinuteUse | null };

/** What became of a submission: `mismatch` = its idempotency key was used before, with another body. */
export type Submitted = Admitted | { kind: "attached" | "mismatch"; id: string };

/** What became of a retry: `succeeded`, `unended` and the line of a batch cannot be retried, `gone` has no record. */
export type Retried = Admitted | { kind: "gone" | "succeeded" | "unended" | "batched" };

type AdmittedAnswer = ["accepted", number, ScriptNumbers] | ["refused", ...ScriptNumbers];

const submit = queueScript<AdmittedAnswer | ["attached" | "mismatch", string]>("submit", {
  account: "admission",
  fragments: ["rank"],
});
const abandon = endingScript<"canceled" | "kept">("abandon");
const keep = queueScript<"ok" | "gone">("keep");
const cancel = endingScript<"gone" | "ended" | "queued" | "running">("cancel");
const retry = queueScript<AdmittedAnswer | ["gone" | "succeeded" | "unended" | "batched"]>("retry", {
  account: "admission",
  fragments: ["rank", "generation"],
});
const watch = queueScript<"ok" | "gone">("watch");
const withdraw = endingScript<"ok" | "kept">("withdraw");
const expire = endingScript<"expired" | "kept">("expire");

/** An SDK gives up its retries well within this; later the same body is a new wish. */
const clientRetryWindowMs = 15 * 60_000;

/**
 * The records of all generations as a caller's side sees them. Each move of a state is one script: it happens whole or not at all,
 * may be repeated after a lost answer, and the terminal state is set once.
 */
export function createGenerationStore(redis: Redis, keys: Keys, retention: Retention) {
  const where = (id: string, lane: string) => generationKeys(keys, id, lane);

  return {
    /** Accepts a generation, which from here on ends exactly once, or finds the one that this request has made before. */
    async submit(submission: Submission): Promise<Submitted> {
      const { id, tenant, keyId, lane, model, request, replyTo, idempotencyKey, clientRetry, admission } = submission;
      // Only who may come back with the same request needs to be recognised.
      const fingerprint = (idempotencyKey ?? clientRetry) === undefined ? "" : fingerprintOf(request);
      const events = request.job?.webhook === undefined ? [] : (request.job.webhook_events ?? endings);
      const fields = Object.entries({
        lane,
        model,
        request: JSON.stringify(request),
        upstream: JSON.stringify(submission.upstream),
        terms: JSON.stringify(submission.terms),
        reserved: reservedArgument(admission),
        ...(events.length > 0 && { webhook: events.join(" ") }),
      }).flat();
      const answer = await submit(
        redis,
        [
          keys.record(id),
          keys.queued,
          keys.expiring,
          keys.pending(lane),
          keys.index(tenant),
          keys.claim(keyId, idempotencyKey === undefined ? "" : digestOf(idempotencyKey)),
          keys.bodies(keyId, fingerprint),
          keys.ranks(lane),
          keys.root,
        ],
        [
          id,
          tenant,
          submission.expiresInMs ?? 0,
          replyTo ?? "",
          submission.watch === true ? "1" : "0",
          fingerprint,
          idempotencyKey === undefined ? 0 : retention.claimsMs,
          clientRetry === undefined ? 0 : clientRetryWindowMs,
          clientRetry === "retry" ? "1" : "0",
          keyId,
          admissionArgument(admission),
          ...fields,
        ],
      );
      if (answer[0] === "accepted" || answer[0] === "refused") return readAdmitted(answer);
      return { kind: answer[0], id: answer[1] };
    },

    async read(id: string): Promise<GenerationRecord | null> {
      return decodeRecord(await redis.hgetall(keys.record(id)));
    },

    /** The tenant whose generation this was, when its record has been dropped not long ago. */
    readTombstone: (id: string): Promise<string | null> => redis.get(keys.tombstone(id)),

    /** Tells that nobody waits on `replyTo` any more: an unbegun generation that no other process waits for is canceled. */
    abandon: (id: string, lane: string, replyTo: string) =>
      abandon(redis, where(id, lane), [id, replyTo, retention.recordsMs]),

    /** Has a generation go on though nobody waits for it: its caller was told its id. */
    keep: (id: string) => keep(redis, [keys.record(id)], []),

    /** Cancels a generation that has not ended, and tells the worker that runs it. Answers the status that it was canceled in. */
    cancel: (id: string, lane: string) =>
      cancel(redis, generationKeys(keys, id, lane, keys.cancels), [id, retention.recordsMs]),

    /** Queues a failed, canceled or expired generation again under its own id, at the expense of its own key. */
    async retry(id: string, lane: string, tenant: string, admission: Admission): Promise<Retried> {
      const args = [id, tenant, admissionArgument(admission), reservedArgument(admission)];
      const answer = await retry(redis, where(id, lane), args);
      if (answer[0] === "accepted" || answer[0] === "refused") return readAdmitted(answer);
      return { kind: answer[0] };
    },

    /** Ends a generation that no worker has in hand; one that runs is kept. */
    withdraw: (id: string, lane: string, status: "canceled" | "expired") =>
      withdraw(redis, where(id, lane), [id, retention.recordsMs, status]),

    /** Ends a generation that was not begun in its time; one that has time left, or no deadline, is kept. */
    expire: (id: string, lane: string) => expire(redis, where(id, lane), [id, retention.recordsMs]),

    /** Has a reply channel hear of the ending (`waiters`) or of every change (`watchers`) of a generation that was submitted before. */
    listen: (id: string, replyTo: string, as: "waiters" | "watchers") =>
      watch(redis, [keys.record(id)], [replyTo, as, "add"]),

    unlisten: (id: string, replyTo: string, as: "waiters" | "watchers") =>
      watch(redis, [keys.record(id)], [replyTo, as, "remove"]),
  };
}

/** What is reserved for it, as the record holds it. */
const reservedArgument = ({ worstCaseMicros }: Admission): string => String(worstCaseMicros ?? "-");

function readAdmitted(answer: AdmittedAnswer): Admitted {
  if (answer[0] === "accepted") return { kind: "accepted", rank: answer[1], use: readMinuteUse(answer[2]) };
  return { kind: "refused", ...readRefusal(answer.slice(1)) };
}

export type GenerationStore = ReturnType<typeof createGenerationStore>;
