import { type Choices, openSizesOf, qualitiesOf, sizePrice, pricedImages } from "./image-choices.ts";
import { describeImage, anyOther } from "./image-price.ts";
import { mostOutputTokens, type TokenLimits } from "./output-tokens.ts";
import type { Prices } from "./price-schema.ts";
import type { ResolvedRequest } from "./resolve-request.ts";
import { parseSize } from "./size-rule.ts";
import type { Terms } from "./terms.ts";

/** What the worst case goes by. A `ResolvedRequest` has it all. */
export type Asked = {
  model: Choices & TokenLimits & Pick<ResolvedRequest["model"], "maxSvgAuthorTokens">;
  parameters: Pick<ResolvedRequest["parameters"], "n" | "prompt">;
  /** What the upstream is asked for: a mapping may change it, or leave it out. */
  upstream: {
    parameters: Pick<
      ResolvedRequest["upstream"]["parameters"],
      "size" | "quality" | "output_format" | "frame_count" | "svg" | "custom"
    >;
  };
};

export type WorstCase = {
  /** Millionths of a dollar; null where no bound can be said. */
  micros: number | null;
  /** What would have to be priced or stated to know it, in words. Empty when it is known. */
  missing: string[];
};

/** Thousandths of a micro for one image, and what is missing to know them. */
type Part = { milliMicros: number; missing: string[] };

/** What an upstream may put around a prompt, and image tokens that no request asked for. A generation has no image for input. */
const inputMarginTokens = 256;
/** OpenAI's own figure for each partial image: https://developers.openai.com/api/docs/guides/image-generation */
const partialImageTokens = 100;

/**
 * The most that a request can cost: every image at the dearest quality and size that it can come to, and the most tokens that can be
 * counted. A token of text has at least a byte, and each of at most `n` deliveries may count the prompt again.
 * @param partialImages how many unfinished versions of each image are shown
 */
export function worstCaseOf(terms: Terms, asked: Asked, partialImages = 0): WorstCase {
  const { perImageMicros, per1kTokensMicros } = terms.prices;
  if (perImageMicros === undefined && per1kTokensMicros === undefined) {
    return { micros: null, missing: [`an image of '${terms.model}'`] };
  }
  const parts: Part[] = [];
  if (perImageMicros !== undefined) parts.push(imagePart(terms, perImageMicros, asked));
  if (per1kTokensMicros !== undefined) parts.push(tokenPart(terms, per1kTokensMicros, asked, partialImages));
  if (terms.prices.svgAuthorsPer1kTokensMicros !== undefined) parts.push(authorPart(terms, asked));
  const missing = parts.flatMap((part) => part.missing);
  if (missing.length > 0) return { micros: null, missing };
  const milliMicros = parts.reduce((sum, part) => sum + part.milliMicros, 0);
  return { micros: Math.ceil((asked.parameters.n * milliMicros) / 1000), missing };
}

function imagePart(
  { model: id, quality, size }: Terms,
  perImage: NonNullable<Prices["perImageMicros"]>,
  asked: Asked,
): Part {
  const qualities = quality === "auto" ? qualitiesOf(asked.model) : [quality];
  const sizes = size === undefined ? possibleSizes(asked) : [size];
  const priceOf = (row: string, column: string) => sizePrice(perImage, row, column, asked.model.sizes);
  const missing = qualities.flatMap((each) =>
    sizes.filter((one) => priceOf(each, one) === undefined).map((one) => describeImage(id, each, one)),
  );
  // Beside what must be priced, there is what happens to be: a size that obeys the rule, a quality of the upstream's own.
  const isOpenSize = size === undefined && isOpen(asked);
  const rows = quality === "auto" ? [...qualities, ...Object.keys(perImage), anyOther] : qualities;
  const columns = isOpenSize ? [...sizes, ...Object.values(perImage).flatMap(Object.keys), anyOther] : sizes;
  const found = rows.flatMap((row) => columns.map((column) => priceOf(row, column) ?? 0));
  return { milliMicros: Math.max(...found) * 1000, missing };
}

function tokenPart(
  { model: id, prices }: Terms,
  perToken: NonNullable<Prices["per1kTokensMicros"]>,
  { model, parameters, upstream }: Asked,
  partialImages: number,
): Part {
  const { textOutput, imageOutput } = perToken;
  const missing = perToken.textInput === undefined ? [`textInput tokens of '${id}'`] : [];
  const textInput = Math.max(perToken.textInput ?? 0, perToken.cachedTextInput ?? 0);
  // An upstream may count a text among the custom parameters, such as a negative prompt, as it counts the prompt.
  const { custom } = upstream.parameters;
  const text = parameters.prompt + (custom === undefined ? "" : JSON.stringify(custom));
  const prompt = Buffer.byteLength(text) * textInput;
  const margin = inputMarginTokens * Math.max(textInput, perToken.imageInput ?? 0, perToken.cachedImageInput ?? 0);

  if (imageOutput === undefined && prices.perImageMicros === undefined) missing.push(`imageOutput tokens of '${id}'`);
  const dearest = Math.max(textOutput ?? 0, imageOutput ?? 0);
  const most = dearest > 0 ? mostOutputTokens(model, upstream.parameters) : 0;
  if (most === undefined) missing.push(`output tokens of '${id}', of which an image can have any number`);
  const output = ((most ?? 0) + partialImageTokens * partialImages) * dearest;
  return { milliMicros: prompt + margin + output, missing };
}

/** The author of an SVG reads the prompt and the picture, thinks, and writes; all of it is within what its model can read and write. */
function authorPart({ model: id, prices }: Terms, { model, upstream }: Asked): Part {
  const author = upstream.parameters.svg?.model;
  if (author === undefined) return { milliMicros: 0, missing: [`the author of an SVG of '${id}', who is not named`] };
  const price = prices.svgAuthorsPer1kTokensMicros?.[author];
  const most = model.maxSvgAuthorTokens;
  if (price === undefined || most === undefined) {
    return { milliMicros: 0, missing: [`the tokens of '${author}', the author of an SVG of '${id}'`] };
  }
  return { milliMicros: most.input * price.input + most.output * price.output, missing: [] };
}

/** Whether the upstream chooses the size: `auto`, silence, or a word of its own that is no tier. */
const isOpen = ({ model, upstream }: Asked) => {
  const { size = "auto" } = upstream.parameters;
  return parseSize(size) === undefined && !Object.hasOwn(model.sizes.tiers ?? {}, size);
};

function possibleSizes(asked: Asked): string[] {
  const { size } = asked.upstream.parameters;
  return isOpen(asked) || size === undefined ? openSizesOf(asked.model) : [size];
}

/** Why the worst case of a request is unknown, and what to do about it. `missing` is what `worstCaseOf` misses. */
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
