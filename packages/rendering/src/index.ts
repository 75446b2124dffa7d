export { describeImages, type DescribedImages } from "./describe-images.ts";
export { endingError, lostError } from "./ending-error.ts";
export { linkResponse } from "./link-response.ts";
export { renderingEnvSchema } from "./rendering-env-schema.ts";
export { createShowEnded, type ShowEndedOptions } from "./show-ended.ts";
export { showGeneration } from "./show-generation.ts";
