import type { RoutedReply } from "@darkroom/deployments";
import type { Delivery } from "@darkroom/generations";
import { billOf, type DeliveredImage, type Prices, type Terms, termsSchema } from "@darkroom/models";
import type { ProviderReply } from "@darkroom/providers";
import { drawnFor } from "./delivery.ts";

export type ProviderCostOptions = {
  /** Of the generation, as its record has them. */
  terms: unknown;
  reply: ProviderReply & Partial<Pick<RoutedReply, "servedBy" | "boughtAgain">>;
  /** What earlier attempts delivered. */
  earlier: Delivery | null;
};

/**
 * What the upstreams charge for a reply and for what earlier attempts delivered, in micros: each by the prices of the deployment that drew
 * it, or else by the terms. Null where it is not known, undefined where no deployment drew anything.
 */
export function providerCostOf({ terms: stored, reply, earlier }: ProviderCostOptions): number | null | undefined {
  const { servedBy, boughtAgain = [] } = reply;
  if (servedBy === undefined && earlier?.providerCostMicros === undefined) return undefined;
  const read = termsSchema.safeParse(stored);
  if (!read.success) return null;
  const terms = read.data;
  const pricesOf = (deployment: { providerPrices?: Prices | undefined } | undefined) =>
    deployment?.providerPrices ?? terms.providerPrices;
  const before =
    earlier?.providerCostMicros !== undefined
      ? earlier.providerCostMicros
      : costOf({ terms, prices: terms.providerPrices, ...earlierLot(earlier) });
  const lot = lotOf(reply);
  const own = costOf({ terms, prices: pricesOf(servedBy), ...lot });
  // Images that did not come are taken to be like the first of those that did.
  const again = boughtAgain.map(({ deployment, images }) =>
    costOf({ terms, prices: pricesOf(deployment), images: lot.images.slice(0, 1), count: images }),
  );
  return [before, own, ...again].reduce((sum, micros) => (sum === null || micros === null ? null : sum + micros), 0);
}

type Lot = { images: DeliveredImage[]; count: number } & Pick<Delivery, "usage" | "svgUsage">;

const lotOf = ({ images, drawn, quality, usage, svgUsage }: ProviderReply): Lot => ({
  images: images.map(({ width, height, quality: own = quality }) => ({
    size: `${width}x${height}`,
    reportedQuality: own,
  })),
  count: drawn ?? images.length,
  usage,
  svgUsage,
});

const earlierLot = (earlier: Delivery | null): Lot => {
  const { images, usage } = drawnFor(earlier);
  const known = earlier?.images ?? [];
  return {
    images: known.map(({ width, height, quality = earlier?.quality }) => ({
      size: `${width}x${height}`,
      reportedQuality: quality,
    })),
    count: images,
    usage,
    svgUsage: earlier?.svgUsage,
  };
};

/** What so many images cost, of which some are known. */
function costOf({ terms, prices, images, count, ...tokens }: Lot & { terms: Terms; prices: Prices | undefined }) {
  if (count === 0) return 0;
  const [usual] = images;
  if (usual === undefined || prices === undefined) return null;
  const all = Array.from({ length: Math.max(count, images.length) }, (_, index) => images[index] ?? usual);
  return billOf({ ...terms, providerPrices: prices }, null, { images: all, ...tokens }).providerCostMicros;
}
