import type { Account, Admission } from "@darkroom/accounts";
import { pricedImages, type ResolvedRequest, type Terms, worstCaseOf } from "@darkroom/models";
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
  assertAdmissible(admission, () => `there is no price for ${missing.join(", ")}. ${whatIsPriced(resolved, terms)}`);
  return admission;
}

/** What to ask for instead: another image of the model, where the price of this one is all that is missing. */
function whatIsPriced({ model, ...asked }: ResolvedRequest, terms: Terms): string {
  const priced = pricedImages(model);
  const prices = { ...terms.prices, perImageMicros: { any: { any: 0 } } };
  const fixed = worstCaseOf({ ...terms, prices }, { model, ...asked });
  if (priced.length === 0 || fixed.micros === null) {
    return "Ask for another model, or ask the operator of this service to set what is missing.";
  }
  return `Of '${model.id}' these have a price: ${priced.join("; ")}. Ask for one of them, or ask the operator of this service to set the others.`;
}
