export { openBatchWorker } from "./open-batch-worker.ts";
export { type BatchProducer, createBatchProducer } from "./batch-producer.ts";
export { batchObjects } from "./records/batch-objects.ts";
export type { BatchRecord } from "./records/batch-record.ts";
export { type BatchStore, createBatchStore } from "./records/batch-store.ts";
export { batchesLanes, batchTask, laneOfTask } from "./records/batch-task.ts";
export type { NewBatch } from "./records/create-batch.ts";
export { lineGenerationId } from "./records/line-result.ts";
export { showBatch } from "./view/show-batch.ts";
