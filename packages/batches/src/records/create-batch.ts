import { defineScript, type Keys } from "@darkroom/redis";
import type { BillUndelivered } from "@darkroom/accounts";
import type { BatchEnding } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { z } from "zod";
import { digestOf, fingerprintOf } from "@darkroom/generations";

/** A batch as it is asked for. */
export type NewBatch = {
  id: string;
  tenant: string;
  keyId: string;
  inputFileId: string;
  completionWindow: string;
  /** The same in milliseconds. Lines that have not run by then expire. */
  windowMs: number;
  metadata: Record<string, string> | null;
  /** How long its output is kept, counted from the output's creation, in seconds. */
  outputSeconds: number;
  webhook: string | null;
  webhookEvents: readonly BatchEnding[];
  /** What a line is billed that delivers nothing and for which a provider may have charged; nothing when left out. */
  billUndelivered?: BillUndelivered | undefined;
  /** The SHA-256 of the catalogue that its lines are checked and priced by, see `BatchStore.keepCatalogue`. Absent: the worker's own. */
  catalogue?: string | undefined;
  /** The most unfinished lines that its tenant may have with it, by the limit of its key. Absent: any number. */
  mostLines?: number | undefined;
  /** The place in a trace that its tasks belong to, as text. Absent: nothing is traced. */
  trace?: string | undefined;
};

/** How a repeated request is recognised. */
export type BatchRequest = {
  /** What was asked for. */
  body: unknown;
  /** The caller's own name for this request: the same again is the same batch. */
  idempotencyKey?: string | undefined;
  /** For clients that count their retries (`X-Stainless-Retry-Count`): a retry finds the batch of its first try. */
  clientRetry?: "first" | "retry" | undefined;
  /** How long an idempotency key stands for its batch after that has ended, in milliseconds; before, it does in any case. */
  claimsMs: number;
};

/** The batch of an earlier request: of the same one, or `mismatch` = the idempotency key was used before, with another body. */
export type FoundBatch = { kind: "attached" | "mismatch"; id: string };

/** The result: `created` = a new batch, with the number of the key's batches in the last hour; `limited` = there were too many. */
export type CreatedBatch = { kind: "created"; ofHour: number } | FoundBatch | { kind: "limited"; retryAfterMs: number };

/** OpenAI's: 2,000 batches an hour. */
const maxCreations = 2_000;
const creationSpanMs = 3_600_000;

/** An SDK gives up its retries well within this; later the same body is a new request. */
const clientRetryWindowMs = 15 * 60_000;

const answerSchema = z.union([
  z.tuple([z.literal("created"), z.int()]),
  z.tuple([z.literal("limited"), z.int()]),
  z.tuple([z.enum(["attached", "mismatch"]), z.string()]),
  z.tuple([z.literal("none")]),
]);

const script = defineScript(new URL("scripts/create-batch.lua", import.meta.url), answerSchema);

/** Writes a new batch, `validating`, or finds the one that the same request has made before. Safe to repeat. */
export async function createBatch(
  redis: Redis,
  keys: Keys,
  batch: NewBatch,
  request: BatchRequest = { body: null, claimsMs: 0 },
): Promise<CreatedBatch> {
  const answer = await run({ redis, keys, batch, request, onlyLook: false });
  if (answer[0] === "none") throw new Error("A batch was to be made, and was only looked for");
  if (answer[0] === "created") return { kind: "created", ofHour: answer[1] };
  if (answer[0] === "limited") return { kind: "limited", retryAfterMs: answer[1] };
  return { kind: answer[0], id: answer[1] };
}

/** The batch that the same request has made before, without a check of what it asks for; null where there is none. Writes nothing. */
export async function findEarlierBatch(
  redis: Redis,
  keys: Keys,
  batch: NewBatch,
  request: Omit<BatchRequest, "claimsMs">,
): Promise<FoundBatch | null> {
  if (request.idempotencyKey === undefined && request.clientRetry !== "retry") return null;
  const answer = await run({ redis, keys, batch, request: { ...request, claimsMs: 1 }, onlyLook: true });
  return answer[0] === "attached" || answer[0] === "mismatch" ? { kind: answer[0], id: answer[1] } : null;
}

type Run = { redis: Redis; keys: Keys; batch: NewBatch; request: BatchRequest; onlyLook: boolean };

function run({ redis, keys, batch, request, onlyLook }: Run): Promise<z.output<typeof answerSchema>> {
  const {
    id,
    tenant,
    windowMs,
    metadata,
    webhook,
    webhookEvents,
    billUndelivered = "none",
    catalogue,
    mostLines,
    trace,
    ...rest
  } = batch;
  const { body, idempotencyKey, clientRetry, claimsMs } = request;
  // Only a request that may be repeated must be recognised.
  const fingerprint = (idempotencyKey ?? clientRetry) === undefined ? "" : fingerprintOf(body);
  return script(
    redis,
    [
      keys.batch(id),
      keys.activeBatches,
      keys.batchIndex(tenant),
      keys.batchClaim(batch.keyId, idempotencyKey === undefined ? "" : digestOf(idempotencyKey)),
      keys.batchBodies(batch.keyId, fingerprint),
      keys.batchCreations(batch.keyId),
    ],
    [
      id,
      tenant,
      windowMs,
      fingerprint,
      idempotencyKey === undefined ? 0 : claimsMs,
      clientRetry === undefined ? 0 : clientRetryWindowMs,
      clientRetry === "retry" ? "1" : "0",
      maxCreations,
      creationSpanMs,
      onlyLook ? "1" : "0",
      ...Object.entries({
        ...rest,
        billUndelivered,
        ...(catalogue !== undefined && { catalogue }),
        ...(mostLines !== undefined && { mostLines }),
        ...(trace !== undefined && { trace }),
      }).flat(),
      ...(metadata === null ? [] : ["metadata", JSON.stringify(metadata)]),
      ...(webhook === null ? [] : ["webhook", webhook, "webhookEvents", JSON.stringify(webhookEvents)]),
    ],
  );
}
