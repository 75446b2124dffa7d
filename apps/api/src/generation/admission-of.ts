import type { Account, Admission } from "@darkroom/accounts";
import { type ResolvedRequest, type Terms, whyUnpriced, worstCaseOf } from "@darkroom/models";
import { assertAdmissible } from "./assert-admissible.ts";

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
  const { micros, missing } = worstCaseOf(terms, resolved, partialImages);
  const admission = { limits, budget, images: resolved.parameters.n, worstCaseMicros: micros };
  assertAdmissible(admission, () => whyUnpriced(missing, resolved, terms));
  return admission;
}
