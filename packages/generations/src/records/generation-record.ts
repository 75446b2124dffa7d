import { type BillUndelivered, readBillUndelivered } from "@darkroom/accounts";
import { generationSchema, type GenerationStatus, imageParametersSchema, type ImageRequest } from "@darkroom/contracts";
import { z } from "zod";
import { type Delivery, deliverySchema } from "./delivery.ts";
import { type Failure, failureSchema } from "./failure.ts";
import { type MissingImage, missingImageSchema } from "./missing-image.ts";
import { UnreadableRecord } from "./unreadable-record.ts";

/**
 * What the provider is to be asked, as the catalogue resolved it when the request was accepted: a catalogue that changes later
 * changes nothing for it. The prompt is not repeated; it stands in the request. A parameter that this release does not know makes it
 * unreadable: without it another picture would be bought than was asked for.
 */
export const upstreamSchema = z.strictObject({
  /** The upstream's own id of the model. */
  model: z.string(),
  parameters: imageParametersSchema.omit({ prompt: true }).strict(),
  /** The model of the catalogue that draws in place of a retired one, where that is so. */
  successor: z.string().optional(),
  /** Where the model was retired, and is asked for all the same: since which day, and what its maker names in its place. */
  retired: z.strictObject({ since: z.string(), successor: z.string().optional() }).optional(),
});
export type Upstream = z.infer<typeof upstreamSchema>;

/** The truth about one generation. Times are Unix milliseconds by the clock of Redis, which all processes share. */
export type GenerationRecord = {
  id: string;
  tenant: string;
  /** Names the API key that asked, for usage and logs; never the key. */
  keyId: string;
  lane: string;
  /** The catalogue id that serves it. */
  model: string;
  /** The batch that it is a line of, and which one, from 0; null where it was asked for by itself. */
  batchId: string | null;
  lineIndex: number | null;
  /** As the caller sent it. */
  request: ImageRequest;
  upstream: Upstream;
  status: GenerationStatus;
  createdAtMs: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  /** When a generation that has not started expires. */
  expiresAtMs: number | null;
  /** When a generation that pauses between two attempts goes on. */
  resumesAtMs: number | null;
  /** Counts the changes of its state: the id of the event that shows it. */
  version: number;
  /** How often a worker began it. Also the fencing token: only the latest attempt may write. */
  attempts: number;
  /** How many of those attempts reported a failure that was worth another try. */
  failures: number;
  /** How many were given back unharmed: by a worker that had to stop, or because the upstream's rate limit refused them. */
  handbacks: number;
  /** How many of all attempts, those of earlier lives included, were none: the upstream's rate limit refused them, and nothing was bought. */
  rateLimits: number;
  /** The latest attempt whose provider call was broken off for that; null where none was. */
  brokenOffAttempt: number | null;
  /** Whether it was canceled because its API key was no longer in use when its turn came. */
  stopped: boolean;
  /** Whether a later request that is equal to its own may still be given it: it has no idempotency key, and no caller was answered with it. */
  open: boolean;
  delivery: Delivery | null;
  /** What was noted as delivered before, and replaced since. Some of its objects may be in the store; they go with the record. */
  superseded: Delivery[];
  /** Images that are given up for good. While it runs, those that may still be tried again are not among them. */
  missing: MissingImage[];
  error: Failure | null;
  /** The terms that it is billed by, as they were submitted: `@darkroom/models` reads them. */
  terms: unknown;
  /** The most that it can cost, in micros; null where that is not known. */
  reservedMicros: number | null;
  /** What it cost, in micros; null until it ends, and where a price is missing. */
  costMicros: number | null;
  /** Whether a provider may have charged for an attempt of this life that is over. */
  inDoubt: boolean;
  /** What it is billed where it ends with nothing delivered and a provider may have charged. */
  billUndelivered: BillUndelivered;
};

/** Checked in full when it was accepted, maybe by a newer release that knows more fields and values: it is kept as it is. */
const storedRequestSchema = z.custom<ImageRequest>(
  (value) => typeof value === "object" && value !== null && "prompt" in value && typeof value.prompt === "string",
);

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
    upstream: upstreamSchema.parse(JSON.parse(text("upstream"))),
    status: generationSchema.shape.status.parse(text("status")),
    createdAtMs: number("createdAt"),
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
    error: hash["error"] === undefined ? null : failureSchema.parse(JSON.parse(hash["error"])),
  };
}
