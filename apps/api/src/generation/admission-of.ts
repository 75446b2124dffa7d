import type { Account, Admission } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import { type ResolvedRequest, type Terms, worstCaseOf } from "@darkroom/models";

/**
 * What a request takes of the limits and the budget of its key. Throws `ApiError` for a request that the key can never make: more
 * images than it may have in a minute, or, with a budget, something whose price nobody knows.
 */
export function admissionOf(
  { limits, budget }: Account,
  resolved: ResolvedRequest,
  terms: Terms,
  partialImages?: number,
): Admission {
  const images = resolved.parameters.n;
  const perMinute = limits.images_per_minute;
  if (perMinute !== null && images > perMinute) {
    throw new ApiError(
      "rate_limit_exceeded",
      `This request asks for ${images} images, and this API key may ask for ${perMinute} a minute. Ask for fewer at a time.`,
      { param: "n", retryable: false },
    );
  }
  const { micros, missing } = worstCaseOf(terms, resolved, partialImages);
  if (micros === null && Object.values(budget).some((limit) => limit !== null)) {
    throw new ApiError(
      "model_not_allowed",
      `This API key has a budget, and there is no price for ${missing.join(", ")}. Ask for something that has one, or ask the operator of this service to set it.`,
      { param: "model" },
    );
  }
  return { limits, budget, images, worstCaseMicros: micros };
}
