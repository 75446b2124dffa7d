import { ApiError } from "@darkroom/contracts";

/** The 400 of a request that a model does not take. `param` is the field at fault. */
export const refusal = (param: string, message: string): ApiError =>
  new ApiError("invalid_request_error", message, { param });
