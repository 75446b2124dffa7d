import { type Generation, type ImageResponse, isEnding } from "@darkroom/contracts";
import type { ListedGeneration } from "../records/list-generations.ts";
import type { QueuePosition } from "@darkroom/queue";
import { endingError } from "./ending-error.ts";
import { showMissing } from "./show-missing.ts";

/** What the resource has beside the record. */
export type ShownBesides = {
  /** The body of the synchronous answer, where it succeeded. */
  response: ImageResponse | null;
  /** Its queue position, while it is in line. */
  position: QueuePosition | null;
};

/** Shows a record to its owner, as the resource `generation`. */
export function showGeneration(record: ListedGeneration, { response, position }: ShownBesides): Generation {
  const { createdAtMs, startedAtMs, endedAtMs, expiresAtMs, status } = record;
  return {
    id: record.id,
    object: "generation",
    status,
    model: record.model,
    ...(record.upstream.successor !== undefined && { successor: record.upstream.successor }),
    created_at: seconds(createdAtMs),
    started_at: startedAtMs === null ? null : seconds(startedAtMs),
    completed_at: endedAtMs === null ? null : seconds(endedAtMs),
    expires_at: expiresAtMs === null ? null : seconds(expiresAtMs),
    queue: position && {
      position: position.position,
      estimated_start_at: position.estimatedStartAtMs === null ? null : seconds(position.estimatedStartAtMs),
    },
    // Attempts that the upstream's rate limit refused do not count.
    attempts: record.attempts - record.rateLimits,
    provider: record.delivery?.provider ?? null,
    timings_ms: {
      ...(startedAtMs !== null && { queued: startedAtMs - createdAtMs }),
      ...(startedAtMs !== null && endedAtMs !== null && { ran: endedAtMs - startedAtMs }),
      ...(endedAtMs !== null && { total: endedAtMs - createdAtMs }),
    },
    cost: record.costMicros,
    metadata: record.request.job?.metadata ?? {},
    batch_id: record.batchId,
    request: record.request,
    response,
    ...(status === "succeeded" && showMissing(record.missing)),
    error: isEnding(status) && status !== "succeeded" ? endingError(record).toObject() : null,
  };
}

const seconds = (ms: number) => Math.floor(ms / 1_000);
