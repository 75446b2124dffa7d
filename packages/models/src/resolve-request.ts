import { type ImageParameters, type ImageRequest, quoteValue } from "@darkroom/contracts";
import type { Catalogue, CatalogueModel, Retirement } from "./catalogue.ts";
import { checkParameters } from "./check-parameters.ts";
import { customParametersOf, withoutCustom } from "./custom-parameters.ts";
import { brokenRule, refusal } from "./field-rules.ts";
import { describeRule } from "./size-rule.ts";
import { acceptsSize } from "./sizes-schema.ts";
import { upstreamParameters } from "./upstream-parameters.ts";

export type ResolvedRequest = {
  model: CatalogueModel;
  /** As the caller spelled it, an alias perhaps; the default model's id when they named none. */
  requestedModel: string;
  /** What is to be drawn: the caller's words, with the catalogue's defaults where they were silent. `n` is the most images that can come. */
  parameters: ImageParameters & { n: number };
  /** The same in the words of the model's upstream, for the record: what its provider is asked, and by which id. */
  upstream: {
    model: string;
    parameters: ImageParameters;
    /** The catalogue's model that draws in place of a retired one. */
    successor?: string;
    /** Where the model is retired, and its upstream is asked all the same. */
    retired?: Retirement;
  };
};

/**
 * Finds the model of a request and checks the request against what that model takes.
 * Throws `ApiError` `invalid_request_error` naming the parameter: nothing is dropped, clamped or rewritten.
 */
export function resolveRequest(catalogue: Catalogue, request: ImageRequest): ResolvedRequest {
  const requestedModel = request.model ?? catalogue.defaultModel.id;
  const model = catalogue.find(requestedModel);
  if (model === undefined) throw refusal("model", unknownModel(catalogue, requestedModel));
  const {
    model: _model,
    response_format: _format,
    stream,
    partial_images: partials,
    job: _job,
    ...asked
  } = withoutCustom(request);

  const custom = customParametersOf(catalogue, model, request);
  checkPrompt(model, asked.prompt);
  const { n = 1 } = asked;
  if (n > model.maxImages) {
    throw refusal("n", `Invalid 'n': ${n} is above the maximum, which is ${model.maxImages} for '${model.id}'.`);
  }
  const size = asked.size ?? model.sizes.default;
  if (size !== undefined && !acceptsSize(model.sizes, size, asked))
    throw refusal("size", wrongSize(model, size, asked));
  const checked = checkParameters(catalogue, model, { ...asked, n, size });
  const broken = brokenRule(model.rules, request, checked);
  if (broken !== undefined) throw broken;
  if (partials !== undefined && partials > 0) {
    // A stream is our own doing, and every model has one; unfinished images are drawn by the upstream.
    if (model.family !== "gpt-image") throw refusal("partial_images", withoutPartials(catalogue, model));
    if (stream !== true)
      throw refusal("partial_images", "'partial_images' needs 'stream' to be true: partial images are sent as events.");
  }
  const parameters = { ...checked, ...(custom && { custom }), n: imagesOfSeries(model, checked) ?? n };
  const upstream = {
    // A version that does not change is asked for by its own name, unless the operator has another model draw.
    model: isPinned(model, requestedModel) ? requestedModel : model.upstream.model,
    parameters: upstreamParameters(model, parameters),
    ...(model.upstream.successor !== undefined && { successor: model.upstream.successor }),
    ...(model.retired && { retired: model.retired }),
  };
  return { model, requestedModel, parameters, upstream };
}

const isPinned = ({ id, snapshots, upstream }: CatalogueModel, requested: string) =>
  upstream.model === id && snapshots.includes(requested);

const list = (values: readonly unknown[]) => values.map(quoteValue).join(", ");

function unknownModel({ models }: Catalogue, asked: string): string {
  // The first sentence is the commissioned document's own.
  return `Invalid model specified. ${quoteValue(asked)} is not served here; the models are: ${list(models.map(({ id }) => id))}.`;
}

function withoutPartials({ models }: Catalogue, { id }: CatalogueModel): string {
  const others = models.filter(({ family }) => family === "gpt-image").map((model) => model.id);
  return `'${id}' does not support 'partial_images'.${others.length === 0 ? "" : ` Models that do: ${list(others)}.`}`;
}

/** Says how long the prompt is and never what it says: messages end up in logs. */
function checkPrompt({ id, promptLimit }: CatalogueModel, prompt: string): void {
  // A prompt has at least as many UTF-16 units as code points, so most need no counting.
  if (promptLimit === undefined || prompt.length <= promptLimit) return;
  const length = countCodePoints(prompt);
  if (length <= promptLimit) return;
  throw refusal(
    "prompt",
    `Invalid 'prompt': '${id}' takes at most ${promptLimit} characters, but this prompt has ${length}.`,
  );
}

/** An emoji outside the basic plane is two UTF-16 units and one code point. */
function countCodePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += (text.codePointAt(i) ?? 0) > 0xff_ff ? 2 : 1) count++;
  return count;
}

function wrongSize({ id, sizes }: CatalogueModel, size: string, { output_format: format }: ImageParameters): string {
  const { values, tiers, rule, gif } = sizes;
  const start = `Invalid value for 'size': ${quoteValue(size)}.`;
  const words = [...values, ...Object.keys(tiers)];
  if (rule === undefined) return `${start} Supported values for '${id}' are: ${list(words)}.`;
  const sheet =
    format === "gif" && gif !== undefined
      ? ` A GIF's frames share the pixels: one frame's are counted ${gif.sheets.join(", ")} times, the smallest of these that is no less than 'frame_count'.`
      : "";
  return `${start} '${id}' takes ${words.length === 0 ? "" : `${list(words)}, or `}${describeRule(rule)}.${sheet}`;
}

/** Ark's own most, for a request that names none: images that were sent count too, and a generation sends none. */
const longestSeries = 15;

/**
 * The most images of a request that lets the model draw a series, as many as it sees fit (Ark's `sequential_image_generation`);
 * undefined for any other request.
 */
function imagesOfSeries(
  { parameters }: Pick<CatalogueModel, "parameters">,
  asked: Pick<ImageParameters, "sequential_image_generation" | "sequential_image_generation_options">,
): number | undefined {
  if (asked.sequential_image_generation !== "auto") return undefined;
  const limit = parameters.sequential_image_generation_options?.fields["max_images"];
  const most = limit !== undefined && "max" in limit ? limit.max : longestSeries;
  return asked.sequential_image_generation_options?.max_images ?? most;
}
