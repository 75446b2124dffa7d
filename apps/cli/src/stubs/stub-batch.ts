import type { Batch } from "@darkroom/contracts";

/** A batch as `/v1/batches` shows it, just made and without a line. */
export function stubBatch(over: Partial<Batch> = {}): Batch {
  return {
    id: "batch_1",
    object: "batch",
    endpoint: "/v1/images/generations",
    model: "dall-e-3",
    errors: null,
    input_file_id: "file-1",
    completion_window: "24h",
    status: "validating",
    output_file_id: null,
    error_file_id: null,
    created_at: Date.UTC(2026, 10, 22, 9, 30) / 1000,
    in_progress_at: null,
    expires_at: null,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    metadata: null,
    cost: 0,
    ...over,
  };
}
