export { addUsage, splitCached, splitOutput, sumOfUsages } from "./add-usage.ts";
export {
  type ApiKey,
  apiKeySchema,
  type Budget,
  budgetSchema,
  createdApiKeySchema,
  labelSchema,
  type Limits,
  limitsSchema,
  noBudget,
  noLimits,
} from "./api-key.ts";
export {
  ApiError,
  type ApiErrorOptions,
  type ErrorBody,
  errorBodySchema,
  type ErrorObject,
  quoteValue,
  shorten,
  countOf,
} from "./api-error.ts";
export {
  type Batch,
  type BatchEnding,
  batchEndings,
  batchEndpoint,
  type BatchFault,
  batchFaultSchema,
  batchLineSchema,
  type BatchOutputLine,
  batchOutputLineSchema,
  batchSchema,
  isBatchEnding,
  type BatchStatus,
  batchStatuses,
  completionWindowMs,
  type CreateBatch,
  createBatchSchema,
  maxBatchLines,
} from "./batch.ts";
export { boundedEntries } from "./bounded-entries.ts";
export { type Bill, microsSchema, formatDollars } from "./money.ts";
export { type Ending, endings, isEnding, type MissingImage, missingImageSchema } from "./ending.ts";
export { type ErrorCode, errorCodes, isCallersFault } from "./error-codes.ts";
export {
  expiresAfterSchema,
  type FileObject,
  type FilePurpose,
  filePurposes,
  fileSchema,
  type ListedFilePurpose,
  maxFileBytes,
  otherFilePurposes,
} from "./file.ts";
export { gridTokens } from "./grid-tokens.ts";
export { type Generation, generationSchema, type GenerationStatus } from "./generation.ts";
export {
  imageFormat,
  type ImageData,
  type ImageResponse,
  imageResponseSchema,
  type SvgUsage,
  svgUsageSchema,
  type Usage,
  usageSchema,
} from "./image-response.ts";
export {
  type ImageParameterName,
  type ImageParameters,
  imageParametersSchema,
  type ImageRequest,
  imageRequestSchema,
  openImageRequestSchema,
} from "./image-request.ts";
export {
  type ImageCompletedEvent,
  type ImagePartialEvent,
  type ImageStreamEvent,
  imageStreamEventSchema,
} from "./image-stream-event.ts";
export { type LedgerEntry, ledgerEntrySchema } from "./ledger-entry.ts";
export {
  type ExplainedGeneration,
  explainedGenerationSchema,
  type GenerationAction,
  generationActionSchema,
  type GenerationFilter,
  generationFilterSchema,
  type Lane,
  type LaneJob,
  laneJobSchema,
  laneSchema,
  type OperatorGeneration,
  operatorGenerationSchema,
  type Process,
  processSchema,
  type ShownDeployment,
  shownDeploymentSchema,
  waitReasons,
} from "./operator.ts";
export { maskKeys } from "./mask-keys.ts";
export { printable, printableJson, printableLines } from "./printable.ts";
export { derivedUlid, isBatchId, isFileId, isGenerationId, newBatchId, newFileId, newGenerationId } from "./new-id.ts";
export { checkBody, parseBody } from "./parse-body.ts";
export { type UsageRow, usageRowSchema } from "./usage-row.ts";
export {
  type BatchEvent,
  batchEventSchema,
  type GenerationEvent,
  generationEventSchema,
  type WebhookEvent,
  webhookEventSchema,
} from "./webhook-event.ts";
