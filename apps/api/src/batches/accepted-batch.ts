import type { BatchRecord, NewBatch } from "@darkroom/queue";

/** A batch as it is right after its creation, for a caller whose batch cannot be read. `nowMs`: Unix milliseconds. */
export const acceptedBatch = ({ windowMs, ...batch }: NewBatch, nowMs: number): BatchRecord => ({
  ...batch,
  status: "validating",
  version: 1,
  billUndelivered: batch.billUndelivered ?? "none",
  errors: null,
  errorCount: 0,
  model: null,
  lane: null,
  total: 0,
  chunks: [],
  fed: 0,
  completed: 0,
  failed: 0,
  segments: 0,
  collectedAtMs: 0,
  costMicros: 0,
  usage: null,
  outcome: null,
  ready: false,
  outputFileId: null,
  errorFileId: null,
  createdAtMs: nowMs,
  expiresAtMs: nowMs + windowMs,
  atMs: {},
});
