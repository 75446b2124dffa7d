import {
  ApiError,
  type ImageParameterName,
  type ImageParameters,
  type ImageRequest,
  quoteValue,
} from "@darkroom/contracts";
import type { Catalogue, CatalogueModel } from "./catalogue.ts";
import { acceptsSize, type ParameterName, parameterNames } from "./model-schema.ts";
import { describeRule } from "./size-rule.ts";
import { upstreamParameters } from "./upstream-parameters.ts";

export type ResolvedRequest = {
  model: CatalogueModel;
  /** As the caller spelled it, an alias perhaps; the default model's id when they named none. */
  requestedModel: string;
  /** What is to be drawn: the caller's words, with the catalogue's defaults where they were silent. */
  parameters: ImageParameters & { n: number };
  /** The same in the words of the model's upstream, for the record: what its provider is asked, and by which id. */
  upstream: { model: string; parameters: ImageParameters };
};

/** What every model takes. Whatever else the catalogue does not say of a model, that model does not take. */
const ofEveryModel: readonly string[] = [
  "prompt",
  "n",
  "size",
  "user",
  "safety_identifier",
] satisfies ImageParameterName[];

/**
 * Finds the model of a request and checks the request against what that model takes.
 * Throws `ApiError` `invalid_request_error` naming the parameter: nothing is dropped, clamped or rewritten.
 */
export function resolveRequest(catalogue: Catalogue, request: ImageRequest): ResolvedRequest {
  const requestedModel = request.model ?? catalogue.defaultModel.id;
  const model = catalogue.find(requestedModel);
  if (model === undefined) throw refusal("model", unknownModel(catalogue, requestedModel));
  const { model: _model, response_format: _format, stream, partial_images: partials, job: _job, ...asked } = request;

  checkPrompt(model, asked.prompt);
  const n = asked.n ?? 1;
  if (n > model.maxImages) {
    throw refusal("n", `Invalid 'n': ${n} is above the maximum, which is ${model.maxImages} for '${model.id}'.`);
  }
  const size = asked.size ?? model.sizes.default;
  if (size !== undefined && !acceptsSize(model.sizes, size)) throw refusal("size", wrongSize(model, size));
  const parameters = { ...asked, n, size };
  for (const name of parameterNames) {
    const value = parameters[name];
    if (value !== undefined) checkParameter(catalogue, model, name, value);
    else if (model.parameters[name]?.default !== undefined) {
      Object.assign(parameters, { [name]: model.parameters[name].default });
    }
  }
  const unknown = Object.entries(asked).find(([name, value]) => value !== undefined && !isKnown(name));
  if (unknown !== undefined) throw refusal(unknown[0], notTaken(catalogue, model, unknown[0]));
  if (parameters.background === "transparent" && parameters.output_format === "jpeg") {
    const message =
      "Invalid value for 'background': 'transparent' needs 'output_format' 'png' or 'webp'; 'jpeg' has no transparency.";
    throw refusal("background", message);
  }
  if (partials !== undefined && partials > 0) {
    // A stream is our own doing, and every model has one; unfinished images are drawn by the upstream.
    if (model.family !== "gpt-image") throw refusal("partial_images", withoutPartials(catalogue, model));
    if (stream !== true)
      throw refusal("partial_images", "'partial_images' needs 'stream' to be true: partial images are sent as events.");
  }
  const upstream = { model: model.upstream.model, parameters: upstreamParameters(model, parameters) };
  return { model, requestedModel, parameters, upstream };
}

const refusal = (param: string, message: string) => new ApiError("invalid_request_error", message, { param });

const isKnown = (name: string) => ofEveryModel.includes(name) || (parameterNames as readonly string[]).includes(name);

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

function wrongSize({ id, sizes: { values, rule } }: CatalogueModel, size: string): string {
  const start = `Invalid value for 'size': ${quoteValue(size)}.`;
  if (rule === undefined) return `${start} Supported values for '${id}' are: ${list(values)}.`;
  return `${start} '${id}' takes ${[...values.map(quoteValue), describeRule(rule)].join(", or ")}.`;
}

function checkParameter(
  catalogue: Catalogue,
  model: CatalogueModel,
  name: ParameterName,
  value: string | number | boolean,
): void {
  const accepted = model.parameters[name];
  if (accepted === undefined) throw refusal(name, notTaken(catalogue, model, name));
  if ("values" in accepted && !accepted.values.includes(String(value))) {
    const supported = `Supported values for '${model.id}' are: ${list(accepted.values)}.`;
    throw refusal(name, `Invalid value for '${name}': ${quoteValue(value)}. ${supported}`);
  }
  if ("min" in accepted && (Number(value) < accepted.min || Number(value) > accepted.max)) {
    const range = `'${model.id}' takes ${accepted.min} to ${accepted.max}`;
    throw refusal(name, `Invalid value for '${name}': ${quoteValue(value)}. ${range}.`);
  }
}

function notTaken({ models }: Catalogue, { id }: CatalogueModel, name: string): string {
  const others = models.filter(({ parameters }) =>
    Object.entries(parameters).some(([own, rule]) => own === name && rule !== undefined),
  );
  const hint = others.length === 0 ? "" : ` Models that do: ${list(others.map((model) => model.id))}.`;
  return `'${id}' does not support '${name}'.${hint}`;
}
