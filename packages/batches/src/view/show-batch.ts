import { type Batch, batchEndpoint, type BatchStatus, splitOutput, type Usage } from "@darkroom/contracts";
import type { ShownBatch } from "../records/batch-record.ts";

/** Shows a record to its owner, as OpenAI's object `batch`. */
export function showBatch(record: ShownBatch): Batch {
  const { atMs, total, completed, failed, errors } = record;
  const at = (status: BatchStatus) => {
    const ms = atMs[status];
    return ms === undefined ? null : seconds(ms);
  };
  return {
    id: record.id,
    object: "batch",
    endpoint: batchEndpoint,
    ...(record.model !== null && { model: record.model }),
    errors: errors && { object: "list", data: [...errors], total: record.errorCount },
    input_file_id: record.inputFileId,
    completion_window: record.completionWindow,
    status: record.status,
    output_file_id: record.outputFileId,
    error_file_id: record.errorFileId,
    created_at: seconds(record.createdAtMs),
    in_progress_at: at("in_progress"),
    expires_at: seconds(record.expiresAtMs),
    finalizing_at: at("finalizing"),
    completed_at: at("completed"),
    failed_at: at("failed"),
    expired_at: at("expired"),
    cancelling_at: at("cancelling"),
    cancelled_at: at("cancelled"),
    request_counts: { total, completed, failed },
    ...(record.usage !== null && { usage: batchUsage(record.usage) }),
    metadata: record.metadata,
    cost: record.costMicros,
  };
}

/** What OpenAI's clients take for granted in the usage of a batch is a 0 where nothing was told. Image models do not reason. */
const batchUsage = (usage: Usage): NonNullable<Batch["usage"]> => ({
  ...usage,
  input_tokens_details: { cached_tokens: 0, ...usage.input_tokens_details },
  output_tokens_details: { ...splitOutput(usage), reasoning_tokens: 0 },
});

const seconds = (ms: number) => Math.floor(ms / 1_000);
