import { type Fields, fieldsOf } from "../fields-of.ts";
import { redactWord } from "./redact.ts";
import type { UpstreamWords } from "./status-error.ts";

/** What an upstream says of a failure, wherever it says it, fit to repeat. */
export type Reason = UpstreamWords & {
  /** Every word that classifies the failure, the most exact first: codes, inner codes, types. */
  codes: string[];
  /** The HTTP status that the failure would have had, where the body names one. */
  status: number | undefined;
  /** What a safety system found (`violence`). */
  categories: string[];
  /** Whether a safety system rejected an image that had been drawn. */
  drawn: boolean;
};

/** Words that stand where a code belongs and report no failure. */
const noFailure = /^(?:0|200|ok|success|succeeded|null|none)$/i;
/** Gateways put an upstream's whole error into the words of their own, several times at the worst. */
const maxDepth = 4;
/** Of a list. One that is longer says nothing more to a caller. */
const maxItems = 10;
/** Objects and words that are looked at, each time a body is walked through. A refusal of FastAPI with ten faults has some fifty. */
const maxVisits = 500;
/**
 * Of JSON within words, what counts as one visit: two megabytes in all are some milliseconds. A prompt of 32,000 characters, escaped and
 * wrapped four times, is less.
 */
const charactersPerVisit = 4096;

/** What may still be looked at. A body that was made to be slow to read would keep the process from renewing the locks of its jobs. */
type Visits = { left: number };

/**
 * Reads why an upstream failed, from the body of a refusal or of a success that is none: OpenAI's and Ark's `error` object, Azure's inner
 * errors, an `error` in words, `message`, `detail` in words or as FastAPI's list, RFC 9457's `title`, lists of `errors`, and what a gateway
 * has packed into its own words. Undefined where the body reports no failure: `error: {}` and its likes are what servers send beside images.
 *
 * @param secrets what must not be repeated: the key, the prompt
 */
export function readReason(body: unknown, secrets: readonly string[]): Reason | undefined {
  const places = placesOf(body, 0, { left: maxVisits });
  const message = redactWord(messageOf(body, 0, { left: maxVisits }), secrets);
  // The type of a whole body that says nothing else is that of an answer, not of a failure.
  const telling = places.filter(({ code }, position) => code != null || message !== undefined || places[position + 1]);
  const codes = telling.flatMap(codesOf).flatMap((code) => redactWord(code, secrets) ?? []);
  if (message === undefined && codes.length === 0) return undefined;
  const param = places.map(paramOf).find((name) => name !== undefined) ?? paramInWords(message ?? "");
  return {
    code: codes[0],
    codes,
    message,
    param: redactWord(param, secrets),
    status: places.map(statusOf).find((status) => status !== undefined),
    categories: [...new Set(places.flatMap(categoriesOf))]
      .slice(0, maxItems)
      .flatMap((name) => redactWord(name, secrets) ?? []),
    drawn: places.some(({ moderation_details: details }) => fieldsOf(details)?.["moderation_stage"] === "output"),
  };
}

/** The objects of a body that may say something of the failure, the innermost of a gateway's wrapping first. */
function placesOf(value: unknown, depth: number, visits: Visits): Fields[] {
  if (depth > maxDepth || visits.left-- <= 0) return [];
  const fields = fieldsOf(value) ?? (typeof value === "string" ? fieldsOf(jsonOf(value, visits)) : undefined);
  if (fields === undefined) return [];
  const { error, message, detail, innererror, inner_error } = fields;
  const packed = typeof message === "string" ? jsonOf(message, visits) : message;
  const lists = [detail, fields["errors"], fields["details"], fields["invalid-params"], fields["invalid_params"]];
  const items = lists.flatMap((list) => (Array.isArray(list) ? list.slice(0, maxItems) : []));
  const inner = [packed, error, detail, innererror, inner_error, ...items.slice(0, maxItems)];
  return [
    ...inner.flatMap((one) => (fieldsOf(one) || typeof one === "string" ? placesOf(one, depth + 1, visits) : [])),
    fields,
  ];
}

function codesOf(place: Fields): string[] {
  const { code, error, type } = place;
  // A word beside the words: `{ "error": "bad_request", "message": … }`.
  const name = wordsOf(place["message"]) ?? wordsOf(place["error_description"]);
  return [code, name === undefined ? undefined : error, type]
    .flatMap((word) => (typeof word === "string" || typeof word === "number" ? [String(word).trim()] : []))
    .filter((word) => /^[\w.:-]{1,100}$/.test(word) && !noFailure.test(word));
}

/** A sentence, from the first place that has one. */
function messageOf(value: unknown, depth: number, visits: Visits): string | undefined {
  if (value === undefined || value === null || visits.left-- <= 0) return undefined;
  const within = (inner: unknown) => messageOf(inner, depth + 1, visits);
  if (typeof value === "string") {
    const packed = jsonOf(value, visits);
    return packed === undefined ? wordsOf(value) : within(packed);
  }
  if (depth > maxDepth) return undefined;
  if (Array.isArray(value)) {
    const sentences = value.slice(0, maxItems).map(within);
    return sentences.filter((sentence) => sentence !== undefined).join(" ") || undefined;
  }
  const fields = fieldsOf(value);
  if (fields === undefined) return undefined;
  const { error, message, msg, errors, error_description: description } = fields;
  const [before, after] = fieldsOf(error) === undefined ? [undefined, error] : [error, undefined];
  return (
    within(before) ??
    within(message) ??
    within(msg) ??
    within(description) ??
    within(after) ??
    detailOf(fields, within) ??
    within(errors)
  );
}

/** RFC 9457's title and detail, of which either may be alone. */
function detailOf({ title, detail }: Fields, within: (inner: unknown) => string | undefined): string | undefined {
  const [titled, detailed] = [wordsOf(title), within(detail)];
  return titled && detailed ? `${titled}: ${detailed}` : (detailed ?? titled);
}

/** The caller's parameter at fault: `size` of `body.size`, of FastAPI's `["body", "size"]`, of `size[0]`. */
function paramOf({ param, loc, target, field, name, reason }: Fields): string | undefined {
  const path = Array.isArray(loc) ? loc.findLast((step) => typeof step === "string") : undefined;
  const told = [param, path, target, field, reason === undefined ? undefined : name].map(wordsOf).find(Boolean);
  const step = told
    ?.replace(/\[\w*\]$/, "")
    .split(/[./]/)
    .findLast(Boolean);
  return step !== undefined && step !== "body" && /^[\w-]{1,64}$/.test(step) ? step : undefined;
}

/** The parameter in OpenAI's sentences: "Unknown parameter: 'style'.", and "'5x5' is not one of […] - 'size'". */
function paramInWords(message: string): string | undefined {
  const [, first, last] =
    /^(?:Unknown|Missing required|Unsupported|Invalid) parameter:? '([\w.]+)'|- '(\w+)'$/.exec(message) ?? [];
  return first ?? last;
}

const statusOf = ({ code, status, status_code }: Fields): number | undefined =>
  [status, status_code, code].map(Number).find((number) => Number.isInteger(number) && number >= 400 && number <= 599);

/** What OpenAI's moderation and Azure's filter name. */
function categoriesOf(place: Fields): string[] {
  const named = fieldsOf(place["moderation_details"])?.["categories"];
  const filtered = fieldsOf(place["content_filter_results"]) ?? fieldsOf(place["content_filter_result"]) ?? {};
  const found = Object.entries(filtered).filter(([, finding]) => fieldsOf(finding)?.["filtered"] === true);
  const listed = Array.isArray(named) ? named.slice(0, maxItems).flatMap((one) => wordsOf(one) ?? []) : [];
  return [...listed, ...found.slice(0, maxItems).map(([name]) => name)];
}

/** Words that say something. "success" in the place of an error does not. */
const wordsOf = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" && !noFailure.test(value.trim()) ? value.trim() : undefined;

/** What a text of JSON holds; undefined for other texts, for what is too long to be looked at, and for a bare word or number. */
function jsonOf(text: string, visits: Visits): object | undefined {
  if (!/^\s*[{[]/.test(text) || text.length > visits.left * charactersPerVisit) return undefined;
  visits.left -= Math.floor(text.length / charactersPerVisit);
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
