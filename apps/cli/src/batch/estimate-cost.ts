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

function worstOf(model: ServedModel, { n, size, quality, lines, promptBytes }: LineGroup) {
  const { sizes, parameters, output_tokens_per_image } = model.limits;
  const entry = { id: model.id, parameters, prices: pricesOf(model) };
  const asked = {
    model: {
      sizes: { values: sizes.values, rule: hasRule(sizes) ? {} : undefined },
      parameters,
      maxOutputTokensPerImage: output_tokens_per_image ?? undefined,
    },
    parameters: { n, prompt: "" },
    upstream: { parameters: { size: size ?? sizes.default ?? undefined } },
  };
  const terms = termsOf(entry, { quality });
  const { micros, missing } = worstCaseOf(terms, asked);
  if (micros === null) return { micros, missing };
  const perThousandBytes = n * (terms.prices.per1kTokensMicros?.textInput ?? 0);
  return { micros: lines * micros + Math.ceil((promptBytes * perThousandBytes) / 1000), missing };
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

function pricesOf({ prices: { per_image_micros, per_1k_tokens_micros: tokens } }: ServedModel): Terms["prices"] {
  return {
    ...(per_image_micros && { perImageMicros: per_image_micros }),
    ...(tokens && {
      per1kTokensMicros: {
        textInput: tokens.text_input ?? undefined,
        imageInput: tokens.image_input ?? undefined,
        textOutput: tokens.text_output ?? undefined,
        imageOutput: tokens.image_output ?? undefined,
      },
    }),
  };
}
