import { type BillUndelivered, readBillUndelivered } from "@darkroom/accounts";
import { type GenerationStatus, imageParametersSchema, type ImageRequest } from "@darkroom/contracts";
import { z } from "zod";
import { type Delivery, deliverySchema } from "./delivery.ts";
import { type Failure, failureSchema } from "./failure.ts";
import { type MissingImage, missingImageSchema } from "./missing-image.ts";
import { UnreadableRecord } from "./unreadable-record.ts";
import { readCalls, type UpstreamCall } from "./upstream-call.ts";

/**
 * The request to the provider, as the catalogue resolved it when the generation was accepted; later changes of the catalogue do not affect
 * it. The prompt is not repeated, because the request has it. An attempt checks it: without a parameter that this release does not know,
 * another picture would be bought.
 */
export const upstreamSchema = z.strictObject({
  /** The upstream's own id of the model. */
  model: z.string(),
  parameters: imageParametersSchema.omit({ prompt: true }).strict(),
  /** The model of the catalogue that draws instead of a retired model; absent for other models. */
  successor: z.string().optional(),
  /** For a retired model that is still called: since which day, and what its maker names as its successor. */
  retired: z.strictObject({ since: z.string(), successor: z.string().optional() }).optional(),
});
export type Upstream = z.infer<typeof upstreamSchema>;

/** The authoritative state of one generation. Times are Unix milliseconds by the clock of Redis, which all processes share. */
export type GenerationRecord = {
  id: string;
  tenant: string;
  /** The id of the API key of the request, for usage and logs; never the key itself. */
  keyId: string;
  lane: string;
  /** The catalogue id that serves it. */
  model: string;
  /** Its batch, and its place among the lines, from 0; null for a generation that is not a line of a batch. */
  batchId: string | null;
  lineIndex: number | null;
  /** As the caller sent it. */
  request: ImageRequest;
  upstream: Upstream;
  status: GenerationStatus;
  createdAtMs: number;
  /** When it was queued last: at its submission, or at the latest retry by its owner. */
  queuedAtMs: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  /** When a generation that has not started expires. */
  expiresAtMs: number | null;
  /** When the pause between two attempts ends. */
  resumesAtMs: number | null;
  /** The number of changes of its state. It is the id of the event that shows the change. */
  version: number;
  /** The number of attempts. The number of the latest is the fencing token: only that attempt may write. */
  attempts: number;
  /** How many attempts reported a failure that may be tried again. */
  failures: number;
  /** How many attempts were handed back: by a worker that had to stop, or because the upstream's rate limit refused them. */
  handbacks: number;
  /** How many of all attempts, those of earlier lives included, the upstream's rate limit refused. They bought nothing and do not count. */
  rateLimits: number;
  /** The latest attempt whose provider call was broken off for that; null where none was. */
  brokenOffAttempt: number | null;
  /** The latest calls of deployments, the latest last. Calls of an upstream that the environment names are not recorded. */
  calls: UpstreamCall[];
  /** Whether it was canceled because its API key was stopped when its turn came. */
  stopped: boolean;
  /** Whether an equal later request may still get it: it has no idempotency key, and no caller was answered with it. */
  open: boolean;
  delivery: Delivery | null;
  /** Deliveries that were noted and then replaced. Some of their objects may be in the store; they are removed with the record. */
  superseded: Delivery[];
  /** Images that no attempt requests again. While it runs, images that may still be tried again are not among them. */
  missing: MissingImage[];
  error: Failure | null;
  /** The terms by which it is billed, as of its submission. `@darkroom/models` reads them. */
  terms: unknown;
  /** The most that it can cost, in micros; null where that is not known. */
  reservedMicros: number | null;
  /** What it cost, in micros; null until it ends, and where a price is missing. */
  costMicros: number | null;
  /** Whether a provider may have charged for an attempt of this life that is over. */
  inDoubt: boolean;
  /** What is billed where it delivers nothing and a provider may have charged. */
  billUndelivered: BillUndelivered;
  /** The place in a trace that its attempts belong to, as text; null where it is not traced. `@darkroom/tracing` reads it. */
  trace: string | null;
};

/** Checked when it was accepted, perhaps by a newer release that knows more fields and values, so it is not checked again. */
const storedRequestSchema = z.custom<ImageRequest>(
  (value) => typeof value === "object" && value !== null && "prompt" in value && typeof value.prompt === "string",
);

/** As it was accepted. Only an attempt needs to know every parameter. */
const storedUpstreamSchema = z.custom<Upstream>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    "model" in value &&
    "parameters" in value &&
    isObject(value.parameters),
);

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/** Scripts write it. One that only a newer release knows is shown as it is. */
const storedStatusSchema = z.custom<GenerationStatus>((value) => typeof value === "string" && value !== "");

/** Throws `UnreadableRecord` where this release does not know every parameter of the request to the provider. */
export function assertKnownUpstream({ id, upstream }: Pick<GenerationRecord, "id" | "upstream">): void {
  const { error } = upstreamSchema.safeParse(upstream);
  if (error !== undefined) throw new UnreadableRecord(id, error);
}

/** Reads the hash that the scripts write; null where there is no record. Throws `UnreadableRecord`. */
export function decodeRecord(hash: Record<string, string>): GenerationRecord | null {
  if (hash["id"] === undefined) return null;
  try {
    return decode(hash);
  } catch (error) {
    throw new UnreadableRecord(hash["id"], error);
  }
}

function decode(hash: Record<string, string>): GenerationRecord {
  const text = (name: string) => hash[name] ?? "";
  const number = (name: string) => Number(hash[name] ?? 0);
  const micros = (name: string) => (hash[name] === undefined || hash[name] === "-" ? null : Number(hash[name]));
  const time = (name: string) => (hash[name] === undefined ? null : Number(hash[name]));
  return {
    id: text("id"),
    tenant: text("tenant"),
    keyId: text("keyId"),
    lane: text("lane"),
    model: text("model"),
    batchId: hash["batchId"] ?? null,
    lineIndex: time("lineIndex"),
    request: storedRequestSchema.parse(JSON.parse(text("request"))),
    upstream: storedUpstreamSchema.parse(JSON.parse(text("upstream"))),
    status: storedStatusSchema.parse(text("status")),
    createdAtMs: number("createdAt"),
    queuedAtMs: number(hash["queuedAt"] === undefined ? "createdAt" : "queuedAt"),
    startedAtMs: time("startedAt"),
    endedAtMs: time("endedAt"),
    expiresAtMs: time("expiresAt"),
    resumesAtMs: time("resumesAt"),
    version: number("version"),
    attempts: number("attempts"),
    failures: number("failures"),
    handbacks: number("handbacks"),
    rateLimits: number("rateLimits"),
    brokenOffAttempt: time("brokenOff"),
    calls: readCalls(hash["calls"]),
    stopped: hash["stopped"] !== undefined,
    open: hash["body"] !== undefined && hash["claim"] === undefined && hash["answered"] === undefined,
    delivery: hash["delivery"] === undefined ? null : deliverySchema.parse(JSON.parse(hash["delivery"])),
    superseded: (hash["superseded"]?.split("\n") ?? []).map((noted) => deliverySchema.parse(JSON.parse(noted))),
    missing: hash["missing"] === undefined ? [] : z.array(missingImageSchema).parse(JSON.parse(hash["missing"])),
    terms: hash["terms"] === undefined ? null : JSON.parse(hash["terms"]),
    reservedMicros: micros("reserved"),
    costMicros: micros("cost"),
    inDoubt: hash["inDoubt"] !== undefined,
    billUndelivered: readBillUndelivered(hash["billUndelivered"]),
    trace: hash["trace"] ?? null,
    error: hash["error"] === undefined ? null : failureSchema.parse(JSON.parse(hash["error"])),
  };
}
