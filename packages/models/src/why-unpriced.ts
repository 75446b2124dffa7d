import { pricedImages } from "./image-choices.ts";
import type { ResolvedRequest } from "./resolve-request.ts";
import type { Terms } from "./terms.ts";
import { worstCaseOf } from "./worst-case-of.ts";

/** Why nobody knows what a request may cost, and what to do about it. `missing` is what `worstCaseOf` misses. */
export const whyUnpriced = (missing: readonly string[], resolved: ResolvedRequest, terms: Terms): string =>
  `there is no price for ${missing.join(", ")}. ${whatIsPriced(resolved, terms)}`;

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
