import { billOf, type DeliveredImage, type ExplainedBill, termsSchema } from "@darkroom/models";
import type { Logger, Metrics } from "@darkroom/runtime";
import type { Delivery, MissingImage } from "@darkroom/generations";
import { drawnFor, shareOfUsage } from "./delivery.ts";

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
  return (
    { id, tenant, keyId, model, terms, reservedMicros }: Billed,
    delivery: Delivery,
    missing: readonly MissingImage[] = [],
  ): ExplainedBill => {
    const fields = { generationId: id, tenant, keyId, model };
    const { usage, svgUsage } = delivery;
    const images = delivery.images.map(({ width, height, quality = delivery.quality }): DeliveredImage => {
      return { size: `${width}x${height}`, reportedQuality: quality };
    });
    const read = termsSchema.safeParse(terms);
    const bill = read.success
      ? billOf(
          read.data,
          reservedMicros,
          { images, usage, svgUsage },
          { ...chargedFor(delivery, images, missing), svgUsage },
        )
      : billWithoutTerms({
          images: images.length,
          inputTokens: usage?.input_tokens,
          outputTokens: usage?.output_tokens,
        });

    if (delivery.providerCostMicros !== undefined) {
      bill.providerCostMicros = withDoubtful(delivery.providerCostMicros, delivery, missing);
    }
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

/**
 * What the provider has probably charged for: all that its answers had, and each missing image that it may have drawn, taken to be like
 * the first of those that came.
 */
function chargedFor(delivery: Delivery, delivered: readonly DeliveredImage[], missing: readonly MissingImage[]) {
  const drawn = drawnFor(delivery);
  const doubtful = missing.filter(({ mayHaveCharged }) => mayHaveCharged).length;
  const count = Math.max(drawn.images, delivered.length + doubtful);
  const [usual] = delivered;
  const others = usual === undefined ? [] : Array.from({ length: count - delivered.length }, () => usual);
  return { images: [...delivered, ...others], usage: shareOfUsage(drawn.usage, count, drawn.images) };
}

/** What deployments charge, and as much again for each missing image that they may have drawn as for one that they did. */
function withDoubtful(micros: number | null, delivery: Delivery, missing: readonly MissingImage[]): number | null {
  const drawn = drawnFor(delivery).images;
  const doubtful = missing.filter(({ mayHaveCharged }) => mayHaveCharged).length;
  const undrawn = Math.max(delivery.images.length + doubtful - drawn, 0);
  if (micros === null || undrawn === 0) return micros;
  return drawn === 0 ? null : micros + Math.round((micros / drawn) * undrawn);
}

type Counted = { images: number; inputTokens: number | undefined; outputTokens: number | undefined };

/** Images without terms, as of a record older than they are, have an unknown cost. */
const billWithoutTerms = ({ images, inputTokens = 0, outputTokens = 0 }: Counted): ExplainedBill => ({
  images,
  inputTokens,
  outputTokens,
  costMicros: images === 0 ? 0 : null,
  providerCostMicros: null,
  missing:
    images === 0 ? [] : ["the terms of this generation, which its record does not hold in a form that can be read"],
});
