export { base64Body } from "./base64-body.ts";
export { base64Chunks } from "./base64-chunks.ts";
export { describeImages, type DescribedImages } from "./describe-images.ts";
export { endingError, lostError } from "./ending-error.ts";
export { linkResponse } from "./link-response.ts";
export { renderingEnvSchema } from "./rendering-env-schema.ts";
export { createShowEnded, type ShowEndedOptions } from "./show-ended.ts";
export { showBatch } from "./show-batch.ts";
export { showGeneration } from "./show-generation.ts";
