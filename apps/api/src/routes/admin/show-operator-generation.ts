import { isCallersFault, type OperatorGeneration } from "@darkroom/contracts";
import type { OperatorView } from "@darkroom/generations";

const seconds = (atMs: number): number => Math.floor(atMs / 1_000);
const secondsOrNull = (atMs: number | null): number | null => (atMs === null ? null : seconds(atMs));

/**
 * Shows a generation to the operator, without its request. What an upstream says of a fault of the caller's request quotes the prompt, so
 * that message is left out.
 */
export function showOperatorGeneration(view: OperatorView, nowMs: number): OperatorGeneration {
  const { error } = view;
  return {
    object: "admin.generation",
    id: view.id,
    status: view.status,
    tenant: view.tenant,
    key_id: view.keyId,
    lane: view.lane,
    model: view.model,
    batch_id: view.batchId,
    created_at: seconds(view.createdAtMs),
    started_at: secondsOrNull(view.startedAtMs),
    completed_at: secondsOrNull(view.endedAtMs),
    expires_at: secondsOrNull(view.expiresAtMs),
    age_seconds: Math.max(seconds(nowMs - view.createdAtMs), 0),
    attempts: view.attempts,
    failures: view.failures,
    rate_limits: view.rateLimits,
    resumes_at: view.status === "queued" ? secondsOrNull(view.resumesAtMs) : null,
    error: error && { code: error.code, message: isCallersFault(error.code) ? null : error.message },
  };
}
