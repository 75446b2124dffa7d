export { createCatalogueOf } from "./catalogue-of.ts";
export { createFinalizeBatch, type FinalizeBatchOptions } from "./finalize/finalize-batch.ts";
export { createLaneRound } from "./lane-round.ts";
export { createPreparedLines } from "./prepared-lines.ts";
export { createBatchSweep } from "./sweep-batches.ts";
export { createValidateBatch, type ValidateBatchDependencies } from "./validate/validate-batch.ts";
