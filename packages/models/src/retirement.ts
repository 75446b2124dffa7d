import type { CatalogueModel } from "./catalogue.ts";
import { type Translation, type Translations, translationsSchema } from "./parameter-schema.ts";

/** What becomes of a request for a model that its maker has switched off: its upstream is asked all the same, or its successor draws. */
export const retiredModels = ["pass", "successor"] as const;
export type RetiredModels = (typeof retiredModels)[number];

/**
 * Returns the function that gives a model as it is served on a day: a retired one with its retirement, or, where successors draw, with
 * the upstream of its successor. A model whose `upstream.model` names something else than itself is the operator's own affair.
 * @param find a model of the catalogue by any of its names
 */
export function createRetiring(
  mode: RetiredModels,
  find: (name: string) => CatalogueModel | undefined,
): (model: CatalogueModel, today: string) => CatalogueModel {
  return function serve(model: CatalogueModel, today: string): CatalogueModel {
    const { id, sunset, successor, aliases, snapshots, upstream } = model;
    if (sunset === undefined || sunset > today || ![id, ...aliases, ...snapshots].includes(upstream.model))
      return model;
    const next = mode === "successor" && successor !== undefined ? find(successor.model) : undefined;
    if (next === undefined) return { ...model, retired: { since: sunset, successor: successor?.model } };
    return drawnBy(model, serve(next, today));
  };
}

/** A retired model as its successor draws it. What callers may send, and what they pay where that goes by image, is still its own. */
function drawnBy(model: CatalogueModel, successor: CatalogueModel): CatalogueModel {
  const { outputTokens, maxOutputTokensPerImage, maxSvgAuthorTokens, prices, providerPrices, sizes, upstream } =
    successor;
  return {
    ...model,
    provider: successor.provider,
    outputTokens,
    maxOutputTokensPerImage,
    maxSvgAuthorTokens,
    prices: isByImage(model.prices) || isByImage(prices) ? model.prices : prices,
    providerPrices: isByImage(providerPrices) ? undefined : providerPrices,
    upstream: {
      model: upstream.model,
      parameters: inTurn(model, upstream.parameters),
      sizes: upstream.sizes ?? sizes,
      successor: upstream.successor ?? successor.id,
    },
  };
}

/** Such prices go by the qualities and sizes of their own model, which another one may not have. */
const isByImage = (prices: CatalogueModel["providerPrices"]): boolean => prices?.perImageMicros !== undefined;

/** The words of a retired model put into those of its successor, and these into those of the successor's upstream. */
function inTurn({ successor, parameters, sizes }: CatalogueModel, second: Translations): Translations {
  const first = successor?.parameters ?? {};
  const ownValues = new Map<string, readonly string[]>([["size", sizes.values]]);
  for (const [name, accepted] of Object.entries(parameters)) {
    if (accepted !== undefined && "values" in accepted) ownValues.set(name, accepted.values);
  }
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  const joinedOf = (name: string) => joined(valueOf(first, name), valueOf(second, name), ownValues.get(name) ?? []);
  return translationsSchema.parse(Object.fromEntries(names.map((name) => [name, joinedOf(name)])));
}

const valueOf = (translations: Translations, name: string): Translation | undefined =>
  new Map(Object.entries(translations)).get(name);

function joined(
  first: Translation | undefined,
  second: Translation | undefined,
  ownValues: readonly string[],
): Translation {
  if (second === "omit") return second;
  if (first === "omit") {
    // What is left out is silence to the second, which may have a word for that.
    const forSilence = second?.["auto"];
    return forSilence === undefined
      ? "omit"
      : Object.fromEntries(["auto", ...ownValues].map((own) => [own, forSilence]));
  }
  const through = Object.entries(first ?? {}).map(([own, word]) => [own, second?.[word] ?? word]);
  return { ...second, ...Object.fromEntries(through) };
}
