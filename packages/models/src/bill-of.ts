import type { Bill } from "@darkroom/contracts";
import { type Delivered, priceOf } from "./price-of.ts";
import type { Terms } from "./terms.ts";

/** A bill, and what there is to say of it. */
export type ExplainedBill = Bill & {
  /** What has no price, in words, for a log line. */
  missing: string[];
  /** What it would have come to, were it not more than was reserved. */
  cappedFromMicros?: number;
};

/**
 * The bill for what was delivered, never above what was reserved for it, and what the provider takes for it.
 * @param reservedMicros null where nothing was reserved because no worst case is known
 * @param charged what the provider has probably charged for: with what was delivered also what was lost, cannot be used, or came unasked
 */
export function billOf(
  terms: Terms,
  reservedMicros: number | null,
  delivered: Delivered,
  charged: Delivered = delivered,
): ExplainedBill {
  const { images, usage } = delivered;
  const cost = priceDelivered(terms, delivered);
  const provider = terms.providerPrices && priceDelivered({ ...terms, prices: terms.providerPrices }, charged);
  const capped = cost.costMicros !== null && reservedMicros !== null && cost.costMicros > reservedMicros;
  return {
    images: images.length,
    inputTokens: usage?.input_tokens ?? 0,
    outputTokens: usage?.output_tokens ?? 0,
    costMicros: capped ? reservedMicros : cost.costMicros,
    providerCostMicros: provider?.costMicros ?? null,
    missing: [...cost.missing, ...(provider?.missing ?? []).map((what) => `the provider's price of ${what}`)],
    ...(capped && cost.costMicros !== null && { cappedFromMicros: cost.costMicros }),
  };
}

/** No image is no bill, whatever was counted on the way. */
const priceDelivered = (terms: Terms, delivered: Delivered) =>
  delivered.images.length === 0 ? { costMicros: 0, missing: [] } : priceOf(terms, delivered);
