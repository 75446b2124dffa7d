import { type Terms, termsOf, worstCaseOf } from "@darkroom/models";
import type { ServedModel } from "../service/served-model.ts";
import type { LineGroup } from "./look-at-lines.ts";

export type Estimate = {
  /** Micros, if the model always chooses the cheapest of what is left open to it. */
  from: number;
  /** Micros, if it always chooses the dearest. */
  to: number;
  /** The lines that are in neither, because something that they may come to has no price. */
  unknownLines: number;
  /** What has no price, in words. */
  missing: string[];
};

/** What a batch's lines will cost, by the prices that the service tells and by the rule by which it reserves money for them. */
export function estimateCost(groups: readonly LineGroup[], model: ServedModel): Estimate {
  const estimate: Estimate = { from: 0, to: 0, unknownLines: 0, missing: [] };
  const missing = new Set<string>();
  for (const group of groups) {
    const most = worstOf(model, group);
    if (most.micros === null) {
      estimate.unknownLines += group.lines;
      for (const what of most.missing) missing.add(what);
      continue;
    }
    const least = Math.min(...choices(model, group).map((choice) => worstOf(model, choice).micros ?? Infinity));
    estimate.to += most.micros;
    estimate.from += Math.min(least, most.micros);
  }
  return { ...estimate, missing: [...missing] };
}

function worstOf(model: ServedModel, group: LineGroup) {
  const { n, lines, promptBytes, ...drawn } = group;
  const { size = model.limits.sizes.default ?? undefined, quality = model.limits.parameters.quality?.default } = drawn;
  const asked = {
    model: { parameters: model.limits.parameters, ...limitsOf(model) },
    parameters: { n, prompt: "" },
    upstream: { parameters: { ...drawn, size, quality } },
  };
  const terms = termsOf({ id: model.id, parameters: model.limits.parameters, prices: pricesOf(model) }, drawn);
  const { micros, missing } = worstCaseOf(terms, asked);
  if (micros === null) return { micros, missing };
  const perThousandBytes = n * (terms.prices.per1kTokensMicros?.textInput ?? 0);
  return { micros: lines * micros + Math.ceil((promptBytes * perThousandBytes) / 1000), missing };
}

/** What the service tells of a model, in the catalogue's words. */
function limitsOf({ limits }: ServedModel) {
  const { sizes, size_tiers: tiers, gif, output_tokens: tokens, output_tokens_per_image: most } = limits;
  return {
    sizes: {
      values: sizes.values,
      tiers,
      rule: hasRule(sizes) ? { maxPixels: sizes["max_pixels"] ?? undefined } : undefined,
      gif: gif === null ? undefined : { usualFrames: gif.usual_frames, sheets: gif.sheets },
    },
    outputTokens:
      tokens === null
        ? undefined
        : {
            bySize: tokens.by_size ?? undefined,
            patches: tokens.patches ?? undefined,
            autoPixels: tokens.auto_pixels ?? undefined,
          },
    maxOutputTokensPerImage: most ?? undefined,
    maxSvgAuthorTokens: limits.svg_author_tokens ?? undefined,
  };
}

/** The group once for every quality and size that the model may choose for it. */
function choices({ limits: { sizes, parameters } }: ServedModel, group: LineGroup): LineGroup[] {
  const { size = sizes.default, quality = parameters.quality?.default } = group;
  const found: LineGroup[] = [];
  for (const eachQuality of choicesOf(quality, parameters.quality?.values)) {
    for (const eachSize of choicesOf(size, sizes.values)) {
      found.push({ ...group, quality: eachQuality, size: eachSize });
    }
  }
  return found;
}

/** What a value may become: itself, or where it is left to the model any that the model names. */
function choicesOf(value: string | null | undefined, values: readonly string[] = []): (string | undefined)[] {
  if (value !== undefined && value !== null && value !== "auto") return [value];
  const named = values.filter((each) => each !== "auto");
  return named.length === 0 ? [value ?? undefined] : named;
}

function hasRule({ values: _values, default: _default, ...bounds }: ServedModel["limits"]["sizes"]): boolean {
  return Object.values(bounds).some((bound) => bound !== null);
}

function pricesOf({ prices }: ServedModel): Terms["prices"] {
  const { per_image_micros, per_1k_tokens_micros: tokens, svg_authors_per_1k_tokens_micros: authors } = prices;
  return {
    ...(per_image_micros && { perImageMicros: per_image_micros }),
    ...(authors && { svgAuthorsPer1kTokensMicros: authors }),
    ...(tokens && {
      per1kTokensMicros: {
        textInput: tokens.text_input ?? undefined,
        cachedTextInput: tokens.cached_text_input ?? undefined,
        cachedImageInput: tokens.cached_image_input ?? undefined,
        imageInput: tokens.image_input ?? undefined,
        textOutput: tokens.text_output ?? undefined,
        imageOutput: tokens.image_output ?? undefined,
      },
    }),
  };
}
