export { type AttemptStore, createAttemptStore } from "./records/attempt-store.ts";
export { createCancelListener } from "./lanes/cancel-listener.ts";
export { type Delivery, type StoredImage } from "./records/delivery.ts";
export { createEndingWaits, type EndingWaits } from "./waiting/ending-waits.ts";
export type { Failure } from "./records/failure.ts";
export type { MissingImage } from "./records/missing-image.ts";
export type { GenerationRecord, Upstream } from "./records/generation-record.ts";
export {
  createGenerationStore,
  type GenerationStore,
  type Retried,
  type Submission,
  type Submitted,
} from "./records/generation-store.ts";
export { createJanitor } from "./upkeep/janitor.ts";
export { createKeys, type Keys } from "./connection/keys.ts";
export { createLaneWorker, type LaneWorker } from "./lanes/lane-worker.ts";
export { listGenerations, type ListOptions } from "./records/list-generations.ts";
export { queuePosition, type QueuePosition } from "./lanes/queue-position.ts";
export { repeat } from "./upkeep/repeat.ts";
export type { Retention } from "./records/retention.ts";
export { createLanes, isBatchLane, laneName, type Lanes } from "./lanes/lanes.ts";
export type { Log } from "./log.ts";
export { createMemoryGuard, type MemoryGuard } from "./upkeep/memory-guard.ts";
export type { Attempt, Outcome, Work } from "./lanes/outcome.ts";
export type { AttemptEnding } from "./lanes/run-attempt.ts";
export { type PartialImage, partialImageSchema } from "./records/partial-image.ts";
export { queueEnvSchema, retentionOf } from "./connection/queue-env-schema.ts";
export { readPartials } from "./records/read-partials.ts";
export { defaultRetryPolicy, type RetryPolicy } from "./lanes/retry-policy.ts";
export { createSubmitter } from "./lanes/submit-generation.ts";
export { type WebhookDelivery, webhookDeliveryStatuses, webhookLane } from "./webhooks/webhook-delivery.ts";
export { createWebhookDispatcher } from "./webhooks/webhook-dispatcher.ts";
export { createWebhookStore, type WebhookStore } from "./webhooks/webhook-store.ts";
export { createWebhookWorker, type WebhookAnswer } from "./webhooks/webhook-worker.ts";
export { batchObjects } from "./batches/batch-objects.ts";
export type { BatchRecord } from "./batches/batch-record.ts";
export { type AcceptedBatch, type BatchStore, createBatchStore, type FinishedBatch } from "./batches/batch-store.ts";
export { createBatchCanceler } from "./batches/cancel-batch.ts";
export type { NewBatch } from "./batches/create-batch.ts";
export { createBatchSubmitter } from "./batches/submit-batch.ts";
export { lineUlid } from "./batches/line-id.ts";
export { type LineResult, lineResultSchema } from "./batches/line-result.ts";
export { type PreparedLine, preparedLineSchema } from "./batches/prepared-line.ts";
export { createLineStore, type FeedingBatch, type LineStore } from "./batches/line-store.ts";
export { createBatchKeeper } from "./batches/batch-keeper.ts";
export { batchesLanes, batchTask, laneOfTask } from "./batches/batch-task.ts";
export { createBatchWorker } from "./batches/batch-worker.ts";
export { createPutNextTask } from "./batches/put-next-task.ts";
