import type { GenerationStatus } from "@darkroom/contracts";
import { failureSchema, type Failure } from "../records/failure.ts";
import { readCalls, type UpstreamCall } from "../records/upstream-call.ts";
import { UnreadableRecord } from "../records/unreadable-record.ts";

/**
 * A generation as its operator sees it. It has no prompt and no parameter of its request. Times are Unix milliseconds by the clock of Redis.
 */
export type OperatorView = {
  id: string;
  tenant: string;
  keyId: string;
  lane: string;
  model: string;
  batchId: string | null;
  status: GenerationStatus;
  createdAtMs: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  expiresAtMs: number | null;
  /** When the pause before its next attempt ends. */
  resumesAtMs: number | null;
  attempts: number;
  failures: number;
  handbacks: number;
  rateLimits: number;
  /** The latest calls of deployments, the latest last. */
  calls: UpstreamCall[];
  error: Failure | null;
};

/** The fields of a record that are read for it. */
export const operatorFields = [
  "id",
  "tenant",
  "keyId",
  "lane",
  "model",
  "batchId",
  "status",
  "createdAt",
  "startedAt",
  "endedAt",
  "expiresAt",
  "resumesAt",
  "attempts",
  "failures",
  "handbacks",
  "rateLimits",
  "calls",
  "error",
] as const;

const time = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

/** Reads those fields; null where there is no record. Throws `UnreadableRecord`. */
export function decodeOperatorView(hash: Readonly<Record<string, string>>, id: string): OperatorView | null {
  const { tenant, status, createdAt, error } = hash;
  if (status === undefined && tenant === undefined) return null;
  try {
    if (tenant === undefined || status === undefined || createdAt === undefined) {
      throw new Error("The record has no tenant, no status or no time of submission.");
    }
    return {
      id,
      tenant,
      keyId: hash["keyId"] ?? "",
      lane: hash["lane"] ?? "",
      model: hash["model"] ?? "",
      batchId: hash["batchId"] ?? null,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- scripts write it; one of a newer release is shown as it is
      status: status as GenerationStatus,
      createdAtMs: Number(createdAt),
      startedAtMs: time(hash["startedAt"]),
      endedAtMs: time(hash["endedAt"]),
      expiresAtMs: time(hash["expiresAt"]),
      resumesAtMs: time(hash["resumesAt"]),
      attempts: Number(hash["attempts"] ?? 0),
      failures: Number(hash["failures"] ?? 0),
      handbacks: Number(hash["handbacks"] ?? 0),
      rateLimits: Number(hash["rateLimits"] ?? 0),
      calls: readCalls(hash["calls"]),
      error: error === undefined ? null : failureSchema.parse(JSON.parse(error)),
    };
  } catch (cause) {
    throw new UnreadableRecord(id, cause);
  }
}
