import { ApiError } from "@darkroom/contracts";

/** What a key with a budget is told that asks for something whose worst case nobody knows. `why` says what to do about it, too. */
export const unpricedError = (why: string): ApiError =>
  new ApiError("model_not_allowed", `This API key has a budget, and ${why}`, { param: "model" });
