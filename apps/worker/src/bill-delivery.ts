import { billOf, type ExplainedBill, termsSchema } from "@darkroom/models";
import type { Logger, Metrics } from "@darkroom/observe";
import type { Delivery } from "@darkroom/queue";

/** What a record says of its price. */
export type Billed = {
  id: string;
  tenant: string;
  keyId: string;
  model: string;
  /** `Terms`, as the api noted them. */
  terms: unknown;
  reservedMicros: number | null;
};

export type BillDeliveryOptions = { metrics: Metrics; log: Logger };

/**
 * Works out what a delivery costs, by the terms that its request was accepted on. Never throws: images that were drawn are handed
 * over, priced or not, and what has no price is logged.
 */
export function createBillDelivery({ metrics, log }: BillDeliveryOptions) {
  return ({ id, tenant, keyId, model, terms, reservedMicros }: Billed, delivery: Delivery): ExplainedBill => {
    const fields = { generationId: id, tenant, keyId, model };
    const { quality: reportedQuality, usage } = delivery;
    const sizes = delivery.images.map(({ width, height }) => `${width}x${height}`);
    const read = termsSchema.safeParse(terms);
    const bill = read.success
      ? billOf(read.data, reservedMicros, { sizes, reportedQuality, usage })
      : billWithoutTerms({
          images: sizes.length,
          inputTokens: usage?.input_tokens,
          outputTokens: usage?.output_tokens,
        });

    if (bill.missing.length > 0)
      log.warn({ ...fields, missing: bill.missing }, "A generation ends with a price missing");
    if (bill.cappedFromMicros !== undefined) {
      metrics.cappedGenerations.inc({ model });
      const { costMicros, cappedFromMicros } = bill;
      log.warn({ ...fields, costMicros, cappedFromMicros }, "A generation cost more than was reserved for it");
    }
    return bill;
  };
}

type Counted = { images: number; inputTokens: number | undefined; outputTokens: number | undefined };

/** Images without terms, as of a record older than they are, cost something that nobody can say. */
const billWithoutTerms = ({ images, inputTokens = 0, outputTokens = 0 }: Counted): ExplainedBill => ({
  images,
  inputTokens,
  outputTokens,
  costMicros: images === 0 ? 0 : null,
  providerCostMicros: null,
  missing:
    images === 0 ? [] : ["the terms of this generation, which its record does not hold in a form that can be read"],
});
