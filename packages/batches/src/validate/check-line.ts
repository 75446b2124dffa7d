import { assertModelAllowed, unpricedError } from "@darkroom/accounts";
import {
  ApiError,
  type BatchFault,
  batchLineSchema,
  checkBody,
  type ImageRequest,
  openImageRequestSchema,
  quoteValue,
} from "@darkroom/contracts";
import {
  type Catalogue,
  type CatalogueModel,
  resolveRequest,
  termsOf,
  whyUnpriced,
  worstCaseOf,
} from "@darkroom/models";
import type { PreparedLine } from "../records/prepared-line.ts";
import { inputFault, requestFault } from "./input-fault.ts";
import { createSeenIds } from "./seen-ids.ts";

export type LineRules = {
  catalogue: Catalogue;
  /** Ids of the models that the batch's key may use; null: all. */
  models: readonly string[] | null;
  /** Whether the key has a budget: then a line without a known worst case is refused. */
  hasBudget: boolean;
};

/** A line that is right has no faults. */
export type CheckedLine = { faults: readonly BatchFault[]; prepared?: Omit<PreparedLine, "index"> };

/**
 * Checks one line after another as the synchronous call checks its body, and as lines of one file: each `custom_id` once, and one
 * model, which is that of the first line that names a model served here.
 */
export function createLineCheck({ catalogue, models, hasBudget }: LineRules) {
  const seen = createSeenIds();
  let batchModel: CatalogueModel | undefined;

  function checkRequest(request: ImageRequest, line: number): CheckedLine {
    const refusals = refusedInBatch(request).map((error) => requestFault(error, line, "body."));
    try {
      const model = catalogue.find(request.model ?? catalogue.defaultModel.id);
      batchModel ??= model;
      if (model !== undefined && model.id !== batchModel?.id) {
        const message = `This line asks for ${quoteValue(model.id)}, and the lines before it for ${quoteValue(batchModel?.id)}. A batch has one model.`;
        return { faults: [...refusals, inputFault("model_mismatch", message, { line, param: "body.model" })] };
      }
      const resolved = resolveRequest(catalogue, request);
      assertModelAllowed({ models }, resolved.model.id);
      const terms = termsOf(resolved.model, resolved.parameters, resolved.upstream.parameters);
      const { micros, missing } = worstCaseOf(terms, resolved);
      if (micros === null && hasBudget) throw unpricedError(whyUnpriced(missing, resolved, terms));
      if (refusals.length > 0) return { faults: refusals };
      const { prompt: _prompt, ...parameters } = resolved.upstream.parameters;
      const upstream = { ...resolved.upstream, parameters };
      return {
        faults: [],
        prepared: { custom_id: "", request, upstream, terms, images: resolved.parameters.n, worst: micros },
      };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Batch and model may refuse the same field. It is reported once.
      const first = refusals.some(({ param }) => param === `body.${error.param}`)
        ? []
        : [requestFault(error, line, "body.")];
      return { faults: [...refusals, ...first] };
    }
  }

  return {
    /** The model of the lines so far. */
    model: () => batchModel,

    check(text: string, line: number): CheckedLine {
      const value = parseLine(text);
      if (value === undefined) {
        return { faults: [inputFault("invalid_json_line", "This line is not parseable as valid JSON.", { line })] };
      }
      if (!isObject(value)) {
        return { faults: [inputFault("invalid_json_line", "This line is not a JSON object.", { line })] };
      }
      const faults = envelopeFaults(value, line);
      const { custom_id: customId, body } = value;
      if (typeof customId === "string") {
        const before = seen.note(customId, line);
        if (before !== null) {
          const message = `The custom_id ${quoteValue(customId)} is that of line ${before} too. Each must be there once.`;
          faults.push(inputFault("duplicate_custom_id", message, { line, param: "custom_id" }));
        }
      }
      if (!isObject(body)) return { faults };
      const request = checkBody(openImageRequestSchema, body);
      if (request.faults !== undefined) {
        return { faults: [...faults, ...request.faults.map((error) => requestFault(error, line, "body."))] };
      }
      const checked = checkRequest(request.value, line);
      faults.push(...checked.faults);
      if (checked.prepared === undefined || faults.length > 0) return { faults };
      return { faults, prepared: { ...checked.prepared, custom_id: String(customId) } };
    },
  };
}

/** Undefined where it is no JSON. */
function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is around the body. */
function envelopeFaults(line: Record<string, unknown>, number: number): BatchFault[] {
  const { faults = [] } = checkBody(batchLineSchema, line);
  return faults.map((error) =>
    error.param === "url" && typeof line["url"] === "string"
      ? inputFault("url_mismatch", error.message, { line: number, param: "url" })
      : requestFault(error, number),
  );
}

/** Fields that a single request may have and a line may not. */
function refusedInBatch({ stream, partial_images: partials, job }: ImageRequest): ApiError[] {
  const refused = [
    stream === true && refusal("stream", "a batch line has no events"),
    (partials ?? 0) > 0 && refusal("partial_images", "a batch line has no events"),
    job?.webhook !== undefined && refusal("job.webhook", "name it when the batch is created, for all of it"),
    job?.webhook_events !== undefined &&
      refusal("job.webhook_events", "name them when the batch is created, for all of it"),
    job?.expires_in !== undefined && refusal("job.expires_in", "a line has as long as its batch's completion_window"),
  ];
  return refused.filter((error) => error !== false);
}

const refusal = (param: string, why: string) =>
  new ApiError("invalid_request_error", `'${param}' cannot be used in a batch: ${why}.`, { param });
