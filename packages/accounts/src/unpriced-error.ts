import { ApiError } from "@darkroom/contracts";

/** The error for a key with a budget whose request has no known worst case. `why` ends the sentence, and says what to do. */
export const unpricedError = (why: string): ApiError =>
  new ApiError("model_unpriced", `This API key has a budget, and ${why}`, { param: "model" });
