import { quoteValue } from "@darkroom/contracts";
import type { Catalogue, CatalogueModel, CustomValue, Retirement } from "@darkroom/models";

/** OpenAI's model object, and what a caller of this service needs besides: limits, prices, the day it is switched off. */
export const showModel = (model: CatalogueModel, { defaultModel }: Pick<Catalogue, "defaultModel">) => ({
  id: model.id,
  object: "model" as const,
  created: model.released === undefined ? 0 : Date.parse(model.released) / 1_000,
  owned_by: model.ownedBy ?? model.provider,
  description: model.description,
  aliases: [...model.aliases, ...model.snapshots],
  /** Whether a request without `model` is drawn by it. */
  is_default: model.id === defaultModel.id,
  released: model.released ?? null,
  sunset: model.sunset ?? null,
  /** OpenAI's name for the same day. */
  shutdown_date: model.sunset ?? null,
  /** The model that its maker names in its place. */
  successor: model.successor?.model ?? null,
  /** The model that draws in its place since its maker has switched it off. */
  drawn_by: model.upstream.successor ?? null,
  /** What speaks against asking for it. */
  warning: model.retired === undefined ? null : warningOf(model.retired),
  limits: {
    /** Unicode code points; null where only the upstream knows. */
    prompt_characters: model.promptLimit ?? null,
    images: model.maxImages,
    sizes: {
      values: [...model.sizes.values, ...Object.keys(model.sizes.tiers)],
      default: model.sizes.default ?? null,
      divisible_by: model.sizes.rule?.divisibleBy ?? null,
      min_side: model.sizes.rule?.minSide ?? null,
      max_long_side: model.sizes.rule?.maxLongSide ?? null,
      max_short_side: model.sizes.rule?.maxShortSide ?? null,
      max_ratio: model.sizes.rule?.maxRatio ?? null,
      min_pixels: model.sizes.rule?.minPixels ?? null,
      max_pixels: model.sizes.rule?.maxPixels ?? null,
    },
    /** Words for a size, and the most pixels of each. */
    size_tiers: model.sizes.tiers,
    /** Frames of a GIF without `frame_count`, and how many the sheets hold that it is drawn on: a sheet has the pixels of one image. */
    gif:
      model.sizes.gif === undefined
        ? null
        : { usual_frames: model.sizes.gif.usualFrames, sheets: model.sizes.gif.sheets },
    parameters: model.parameters,
    /** Fields of a request that this model takes beside those of every request. */
    custom_parameters: mapValues(model.customParameters, showCustomParameter),
    /** What holds between fields of a request. */
    rules: model.rules,
    /** The most that one image can count, where one number says it; else `output_tokens` does, or it is unknown. */
    output_tokens_per_image: model.maxOutputTokensPerImage ?? null,
    /** The most that one image can count, by quality and size, or by the patches of OpenAI's calculator. */
    output_tokens:
      model.outputTokens === undefined
        ? null
        : {
            by_size: model.outputTokens.bySize ?? null,
            patches: model.outputTokens.patches ?? null,
            auto_pixels: model.outputTokens.autoPixels ?? null,
          },
    /** The most tokens that the author of an SVG can read and write. */
    svg_author_tokens: model.maxSvgAuthorTokens ?? null,
  },
  prices: showPrices(model.prices),
});

const warningOf = ({ since, successor }: Retirement) =>
  `Its maker switched it off on ${since}, and its provider refuses it. ${successor === undefined ? "Ask for another model." : `Ask for ${quoteValue(successor)} in its place.`}`;

/** What a caller may send. The name by which the upstream knows it is the operator's own business. */
const showCustomParameter = ({ upstream: _upstream, ...value }: CatalogueModel["customParameters"][string]) =>
  showCustomValue(value);

function showCustomValue(value: CustomValue): object {
  if (value.type === "object") return { ...value, fields: mapValues(value.fields, showCustomValue) };
  if (value.type === "list") {
    const { maxItems, of, ...shown } = value;
    return { ...shown, max_items: maxItems, of: showCustomValue(of) };
  }
  if (value.type !== "string") return value;
  const { maxLength, ...shown } = value;
  return { ...shown, max_length: maxLength };
}

const mapValues = <V>(map: Record<string, V>, show: (value: V) => object) =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, show(value)]));

/** In millionths of a dollar; null where none is known. */
function showPrices({
  perImageMicros,
  per1kTokensMicros: tokens,
  svgAuthorsPer1kTokensMicros,
}: CatalogueModel["prices"]) {
  return {
    per_image_micros: perImageMicros ?? null,
    per_1k_tokens_micros:
      tokens === undefined
        ? null
        : {
            text_input: tokens.textInput ?? null,
            cached_text_input: tokens.cachedTextInput ?? null,
            image_input: tokens.imageInput ?? null,
            cached_image_input: tokens.cachedImageInput ?? null,
            text_output: tokens.textOutput ?? null,
            image_output: tokens.imageOutput ?? null,
          },
    svg_authors_per_1k_tokens_micros: svgAuthorsPer1kTokensMicros ?? null,
  };
}
