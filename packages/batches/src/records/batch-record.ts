import { type BillUndelivered, readBillUndelivered } from "@darkroom/accounts";
import {
  type BatchEnding,
  batchEndings,
  type BatchFault,
  batchFaultSchema,
  type BatchStatus,
  batchStatuses,
  type Usage,
  usageSchema,
} from "@darkroom/contracts";
import { UnreadableRecord } from "@darkroom/generations";
import { z } from "zod";

/** The authoritative state of one batch. */
export type BatchRecord = {
  id: string;
  tenant: string;
  keyId: string;
  status: BatchStatus;
  /** Counted up with every change of its status. */
  version: number;
  inputFileId: string;
  completionWindow: string;
  metadata: Record<string, string> | null;
  /** How long its output is kept, counted from the output's creation, in seconds. */
  outputSeconds: number;
  webhook: string | null;
  webhookEvents: readonly BatchEnding[];
  /** What is billed for a line that delivers nothing and for which a provider may have charged. */
  billUndelivered: BillUndelivered;
  /** The SHA-256 of the catalogue that it was accepted by; null for one of an older release. */
  catalogue: string | null;
  /** The most unfinished lines that its tenant may have with it; null: any number. */
  mostLines: number | null;
  /** The place in a trace that its tasks belong to, as text; null where it is not traced. `@darkroom/tracing` reads it. */
  trace: string | null;
  /** The first faults of its input; null unless it failed. */
  errors: readonly BatchFault[] | null;
  /** How many faults there are. Where they are more than `errors`, all of them are the error file. */
  errorCount: number;
  /** Known once it was validated. */
  model: string | null;
  lane: string | null;
  /** How many lines it has. */
  total: number;
  /** The index of the first line of each chunk of prepared lines. */
  chunks: readonly number[];
  /** How many lines have been put on the lane, the first ones. */
  fed: number;
  /** How many collected lines succeeded, and how many failed. */
  completed: number;
  failed: number;
  /** How many segments of results there are, and when the latest was stored; 0 where there is none. */
  segments: number;
  collectedAtMs: number;
  /** The known cost of its lines so far, in micros. */
  costMicros: number;
  usage: Usage | null;
  /** The status in which it will end, when nothing of it is on its lane any more. */
  outcome: Exclude<BatchEnding, "failed"> | null;
  /** Nothing of it is on its lane, and nothing more will be: its output may be written. */
  ready: boolean;
  outputFileId: string | null;
  errorFileId: string | null;
  createdAtMs: number;
  expiresAtMs: number;
  /** When it came to a status, for those that it came to. */
  atMs: Partial<Record<BatchStatus, number>>;
};

/** What of a record its owner is shown. */
export type ShownBatch = Pick<
  BatchRecord,
  | "id"
  | "status"
  | "model"
  | "errors"
  | "errorCount"
  | "inputFileId"
  | "completionWindow"
  | "outputFileId"
  | "errorFileId"
  | "createdAtMs"
  | "expiresAtMs"
  | "atMs"
  | "total"
  | "completed"
  | "failed"
  | "usage"
  | "metadata"
  | "costMicros"
>;

/** The fields of the hash that say it. */
export const shownBatchFields: readonly string[] = [
  "id",
  "status",
  "model",
  "errors",
  "errorCount",
  "inputFileId",
  "completionWindow",
  "outputFileId",
  "errorFileId",
  "createdAt",
  "expiresAt",
  ...batchStatuses.map((status) => `at:${status}`),
  "total",
  "completed",
  "failed",
  "usage",
  "metadata",
  "cost",
];

const outcomes = ["completed", "expired", "cancelled"] as const;

/** Reads the hash that the scripts write; null where there is no record. Throws `UnreadableRecord`. */
export function decodeBatch(hash: Record<string, string>): BatchRecord | null {
  if (hash["id"] === undefined) return null;
  try {
    return decode(hash);
  } catch (error) {
    throw new UnreadableRecord(hash["id"], error);
  }
}

function decode(hash: Record<string, string>): BatchRecord {
  const text = (name: string) => hash[name] ?? "";
  const number = (name: string) => Number(hash[name] ?? 0);
  const json = <T extends z.ZodType>(name: string, schema: T): z.output<T> | null =>
    hash[name] === undefined ? null : schema.parse(JSON.parse(hash[name]));
  return {
    id: text("id"),
    tenant: text("tenant"),
    keyId: text("keyId"),
    status: z.enum(batchStatuses).parse(hash["status"]),
    version: number("version"),
    inputFileId: text("inputFileId"),
    completionWindow: text("completionWindow"),
    metadata: json("metadata", z.record(z.string(), z.string())),
    outputSeconds: number("outputSeconds"),
    webhook: hash["webhook"] ?? null,
    // Those that only a newer release knows are that release's to tell.
    webhookEvents: (json("webhookEvents", z.array(z.string())) ?? []).filter(isBatchEnding),
    billUndelivered: readBillUndelivered(hash["billUndelivered"]),
    catalogue: hash["catalogue"] ?? null,
    mostLines: hash["mostLines"] === undefined ? null : number("mostLines"),
    trace: hash["trace"] ?? null,
    errors: json("errors", z.array(batchFaultSchema)),
    errorCount: number("errorCount"),
    model: hash["model"] ?? null,
    lane: hash["lane"] ?? null,
    total: number("total"),
    chunks: json("chunks", z.array(z.int())) ?? [],
    fed: number("fed"),
    completed: number("completed"),
    failed: number("failed"),
    segments: number("segments"),
    collectedAtMs: number("collectedAt"),
    costMicros: number("cost"),
    usage: json("usage", usageSchema),
    outcome: hash["outcome"] === undefined ? null : z.enum(outcomes).parse(hash["outcome"]),
    ready: hash["ready"] !== undefined,
    outputFileId: hash["outputFileId"] ?? null,
    errorFileId: hash["errorFileId"] ?? null,
    createdAtMs: number("createdAt"),
    expiresAtMs: number("expiresAt"),
    atMs: Object.fromEntries(
      batchStatuses.flatMap((status) => {
        const at = hash[`at:${status}`];
        return at === undefined ? [] : [[status, Number(at)]];
      }),
    ),
  };
}

const isBatchEnding = (text: string): text is BatchEnding => batchEndings.some((ending) => ending === text);
