import { type Account, type Admission, unpricedError } from "@darkroom/accounts";
import { type ResolvedRequest, type Terms, whyUnpriced, worstCaseOf } from "@darkroom/models";
import { ApiError, countOf } from "@darkroom/contracts";

/**
 * What a request uses of the limits and the budget of its key. Throws `ApiError` for a request that the key can never make: more images than
 * its limit for a minute, or, with a budget, a request whose price is unknown.
 */
export function admissionOf(
  { limits, budget }: Account,
  resolved: ResolvedRequest,
  terms: Terms,
  partialImages?: number,
): Admission {
  const { micros, missing } = worstCaseOf(terms, resolved, partialImages);
  const admission = { limits, budget, images: resolved.parameters.n, worstCaseMicros: micros };
  assertAdmissible(admission, () => whyUnpriced(missing, resolved, terms));
  return admission;
}

/**
 * Throws `ApiError` for a request that would be refused at any time: more images than the key's limit for a minute, or, with a budget, an
 * unknown worst case. `unpriced` says what has no price and what to do.
 */
export function assertAdmissible({ limits, budget, images, worstCaseMicros }: Admission, unpriced: () => string): void {
  const perMinute = limits.images_per_minute;
  if (perMinute !== null && images > perMinute) {
    throw new ApiError(
      "rate_limit_exceeded",
      `This request asks for ${countOf(images, "image")}, and this API key may ask for ${perMinute} a minute. Ask for fewer at a time.`,
      { param: "n", retryable: false },
    );
  }
  if (worstCaseMicros === null && Object.values(budget).some((limit) => limit !== null)) {
    throw unpricedError(unpriced());
  }
}
