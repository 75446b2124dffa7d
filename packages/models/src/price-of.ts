import { splitCached, splitOutput, type SvgUsage, type Usage } from "@darkroom/contracts";
import { describeImage, imagePrice } from "./image-price.ts";
import type { Prices, TokenKind } from "./price-schema.ts";
import type { Terms } from "./terms.ts";

export type DeliveredImage = {
  /** As it was measured, `1024x1024`. */
  size: string;
  /** The one that the upstream reported. It counts where the caller left the choice open, with `auto` or silence. */
  reportedQuality?: string | undefined;
};

export type Delivered = {
  /** What was asked for and not delivered costs nothing. */
  images: readonly DeliveredImage[];
  usage?: Usage | undefined;
  /** What the author of an SVG read and wrote. */
  svgUsage?: SvgUsage | undefined;
};

export type Cost = {
  /** Millionths of a dollar; null where a price is missing, because part of a bill is not a bill. */
  costMicros: number | null;
  /** What has no price, in words, for a log line. Empty when the cost is known. */
  missing: string[];
};

/** Adds up a cost in thousandths of a micro, and notes what has no price. */
function createTally() {
  const missing = new Set<string>();
  let milliMicros = 0;
  return {
    add: (count: number, micros: number) => void (milliMicros += count * micros),
    miss: (what: string) => void missing.add(what),
    /** Rounded once, half up. */
    total: (): Cost =>
      missing.size > 0
        ? { costMicros: null, missing: [...missing] }
        : { costMicros: Math.floor((milliMicros + 500) / 1000), missing: [] },
  };
}
type Tally = ReturnType<typeof createTally>;

/**
 * What an outcome costs. A model bills by image where it has `perImageMicros`, by token where it has `per1kTokensMicros`, by both
 * where it has both, and then the image fee stands for output tokens that have no price of their own. A model with neither is
 * unpriced, never free. Everything is added up in thousandths of a micro and rounded once, half up.
 */
export function priceOf({ model, quality: agreed, size: agreedSize, prices }: Terms, delivered: Delivered): Cost {
  const { perImageMicros, per1kTokensMicros } = prices;
  const tally = createTally();

  for (const image of perImageMicros === undefined ? [] : delivered.images) {
    // The upstream of a mapped model has qualities of its own, so what the caller asked for by name comes first. An empty word and `auto`
    // report nothing, also in records of a release that noted them.
    const quality = agreed === "auto" ? image.reportedQuality || agreed : agreed;
    const size = agreedSize ?? image.size;
    const micros = imagePrice(perImageMicros, quality, size);
    if (micros === undefined) tally.miss(describeImage(model, quality, size));
    else tally.add(1000, micros);
  }
  if (per1kTokensMicros !== undefined) addTokens(tally, model, prices, delivered.usage);
  if (prices.svgAuthorsPer1kTokensMicros !== undefined) addAuthor(tally, model, prices, delivered.svgUsage);
  if (perImageMicros === undefined && per1kTokensMicros === undefined) tally.miss(`an image of '${model}'`);
  return tally.total();
}

function addTokens(tally: Tally, model: string, prices: Prices, usage: Usage | undefined): void {
  if (usage === undefined) tally.miss(`the tokens of '${model}', whose number was not reported`);
  // An image has output tokens: no number of them is what a server sends that has counted none.
  else if (usage.output_tokens === 0 && isOutputPriced(prices)) {
    tally.miss(`the output tokens of '${model}', whose number was not reported`);
  }
  for (const [kind, count] of usage === undefined ? [] : tokensOf(usage)) {
    // What was cached and has no price of its own is input like any other.
    const micros = prices.per1kTokensMicros?.[kind] ?? prices.per1kTokensMicros?.[withoutCache[kind] ?? kind];
    const coveredByImageFee = prices.perImageMicros !== undefined && kind.endsWith("Output");
    if (micros !== undefined) tally.add(count, micros);
    else if (count > 0 && !coveredByImageFee) tally.miss(`${kind} tokens of '${model}'`);
  }
}

const isOutputPriced = ({ per1kTokensMicros: { textOutput = 0, imageOutput = 0 } = {} }: Prices): boolean =>
  textOutput > 0 || imageOutput > 0;

const withoutCache: Partial<Record<TokenKind, TokenKind>> = {
  cachedTextInput: "textInput",
  cachedImageInput: "imageInput",
};

/** Terms that have prices of authors, or none of any author, are those of an SVG. */
function addAuthor(tally: Tally, model: string, prices: Prices, svgUsage: SvgUsage | undefined): void {
  const unreported = `the tokens of the author of an SVG of '${model}', whose number was not reported`;
  if (svgUsage === undefined) return tally.miss(unreported);
  const { model: author, input_tokens: input, output_tokens: output } = svgUsage;
  // The upstream may report the dated name of a model that was asked for without its date.
  const name = Object.keys(prices.svgAuthorsPer1kTokensMicros ?? {}).find(
    (each) => author === each || author.startsWith(`${each}-20`),
  );
  const price = name === undefined ? undefined : prices.svgAuthorsPer1kTokensMicros?.[name];
  if (price === undefined) return tally.miss(`the tokens of '${author}', the author of an SVG of '${model}'`);
  if (output === 0 && price.output > 0) return tally.miss(unreported);
  tally.add(input, price.input);
  tally.add(output, price.output);
}

function tokensOf(usage: Usage): [TokenKind, number][] {
  const { text_tokens: text, image_tokens: image } = usage.input_tokens_details;
  const cached = splitCached(usage);
  const output = splitOutput(usage);
  return [
    ["textInput", text - cached.text_tokens],
    ["cachedTextInput", cached.text_tokens],
    ["imageInput", image - cached.image_tokens],
    ["cachedImageInput", cached.image_tokens],
    ["textOutput", output.text_tokens],
    ["imageOutput", output.image_tokens],
  ];
}
