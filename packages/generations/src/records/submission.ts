import { defineScript, type Keys } from "@darkroom/redis";
import {
  type Admission,
  admissionArgument,
  type BillUndelivered,
  type RateLimitUse,
  readRateLimitUse,
  readRefusal,
  refusedSchema,
  type Refusal,
  windowSchema,
} from "@darkroom/accounts";
import { endings, type ImageRequest } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { z } from "zod";
import { digestOf, fingerprintOf } from "./fingerprint.ts";
import type { Upstream } from "./generation-record.ts";
import type { StoreOptions } from "../queue-connection.ts";

/** What an equal earlier request is found by, and who waits for the answer of this one. */
export type RequestIdentity = {
  /** The id of the generation, if this request makes one. */
  id: string;
  tenant: string;
  keyId: string;
  request: ImageRequest;
  /** The caller that waits for its ending, as named by `EndingWaits`; absent where no caller waits. */
  caller?: string | undefined;
  /** Whether the caller's process also gets every change and partial image. */
  watch?: boolean | undefined;
  /** The caller's idempotency key: an equal key stands for the same generation. */
  idempotencyKey?: string | undefined;
  /** Whether the caller wants a new generation and not that of an equal earlier request. */
  forceNew?: boolean | undefined;
};

export type Submission = RequestIdentity & {
  lane: string;
  model: string;
  upstream: Upstream;
  /** The terms by which it will be billed, with the prices of today. They are kept in the record. */
  terms: object;
  /** What it uses of the limits and the budget of its key. */
  admission: Admission;
  /** What is billed where it delivers nothing and a provider may have charged. Absent: nothing. */
  billUndelivered?: BillUndelivered | undefined;
  /** How long it may wait for its start, in milliseconds; absent = for ever. */
  expiresInMs?: number | undefined;
  /** The place in a trace that its attempts belong to, as text. Absent: nothing is traced. */
  trace?: string | undefined;
};

/** It was accepted, or refused because a limit or the budget of its key is reached; then nothing was written. `use` = null: no limit counts. `priority`: of its job on the lane, as `lane-priority.lua` gives it. */
export type Admitted =
  | { kind: "accepted"; priority: number; use: RateLimitUse | null }
  | { kind: "refused"; refusal: Refusal; use: RateLimitUse | null };

/** An earlier request's generation. `mismatch`: the idempotency key was used before, with another body. */
export type Earlier = { kind: (typeof earlierKinds)[number]; id: string };

/** The result of a submission. */
export type Submitted = Admitted | Earlier;

export const admittedSchema = z.union([z.tuple([z.literal("accepted"), z.int(), windowSchema]), refusedSchema]);

const earlierKinds = ["attached", "mismatch"] as const;
const earlierSchema = z.tuple([z.enum(earlierKinds), z.string()]);

const submitScript = defineScript(
  new URL("../scripts/submit.lua", import.meta.url),
  z.union([z.tuple([z.literal("accepted"), z.int(), windowSchema, z.string()]), refusedSchema, earlierSchema]),
);
const attachScript = defineScript(
  new URL("../scripts/attach.lua", import.meta.url),
  z.union([z.tuple([z.literal("none")]), earlierSchema]),
);

export type SubmitOptions = {
  /** Whether its job is put on the lane in the same write. */
  enqueues?: boolean;
  /** Called where the generation was accepted and its job could not be put on the lane. */
  onUnqueued?: (why: string) => void;
};

/** Accepts a generation, or finds the one of an earlier request that is equal to this one. */
export async function submitGeneration(
  { redis, keys, retention }: StoreOptions,
  submission: Submission,
  { enqueues = false, onUnqueued }: SubmitOptions,
): Promise<Submitted> {
  const { id, tenant, lane, model, request, admission } = submission;
  const events = request.job?.webhook === undefined ? [] : (request.job.webhook_events ?? endings);
  const fields = Object.entries({
    lane,
    model,
    request: JSON.stringify(request),
    upstream: JSON.stringify(submission.upstream),
    terms: JSON.stringify(submission.terms),
    reserved: reservedArgument(admission),
    billUndelivered: submission.billUndelivered ?? "none",
    ...(events.length > 0 && { webhook: events.join(" ") }),
    ...(submission.trace !== undefined && { trace: submission.trace }),
  }).flat();
  const answer = await submitScript(
    redis,
    [
      keys.record(id),
      keys.queued,
      keys.expiring,
      keys.pending(lane),
      keys.index(tenant),
      keys.ranks(lane),
      keys.lane(lane),
      keys.root,
    ],
    [
      ...identityArguments(submission),
      tenant,
      submission.expiresInMs ?? 0,
      retention.claimsMs,
      admissionArgument(admission),
      enqueues ? "1" : "0",
      ...fields,
    ],
  );
  if (answer[0] === "refused") return readAdmitted(answer);
  if (answer[0] !== "accepted") return { kind: answer[0], id: answer[1] };
  const [, priority, window, fault] = answer;
  if (fault !== "") onUnqueued?.(fault);
  return { kind: "accepted", priority, use: readRateLimitUse(window) };
}

/** Finds the generation of an earlier request that is equal to this one; null where there is none. It makes no new one. */
export async function attachGeneration(redis: Redis, keys: Keys, identity: RequestIdentity): Promise<Earlier | null> {
  const answer = await attachScript(redis, [keys.root], identityArguments(identity));
  return answer[0] === "none" ? null : { kind: answer[0], id: answer[1] };
}

const identityArguments = ({
  id,
  keyId,
  request,
  caller,
  watch,
  idempotencyKey,
  forceNew,
}: RequestIdentity): string[] => [
  id,
  keyId,
  fingerprintOf(request),
  idempotencyKey === undefined ? "" : digestOf(idempotencyKey),
  caller ?? "",
  watch === true ? "1" : "0",
  forceNew === true ? "1" : "0",
];

/** What is reserved for a generation, as its record holds it. */
export const reservedArgument = ({ worstCaseMicros }: Admission): string => String(worstCaseMicros ?? "-");

export function readAdmitted(answer: z.output<typeof admittedSchema>): Admitted {
  if (answer[0] === "accepted") return { kind: "accepted", priority: answer[1], use: readRateLimitUse(answer[2]) };
  return { kind: "refused", ...readRefusal(answer) };
}
