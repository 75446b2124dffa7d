import { type Fields, fieldsOf } from "./fields-of.ts";
import { InlineImage } from "./http/reply-images.ts";
import type { SentImage } from "./receive-image.ts";

/** One place in a reply: an image, or the failure that stands there instead of one, or nothing. */
export type ReplyEntry =
  | { sent: SentImage; revisedPrompt: string | undefined; quality: string | undefined }
  /** `failure`: what to read the reason from; null where the upstream sent nothing. */
  | { sent?: undefined; failure: unknown };

/** Characters: as many as the longest prompt that a model takes. It is kept in Redis with the record, so the rest of a longer one is cut. */
const maxRevisedPrompt = 32_000;
/** Characters. A quality or a background is one word; one that is cut would be another word, so a longer one is left out. */
const maxWord = 64;

/** Where the images of a reply stand, or objects with the images: OpenAI's field first, and what compatible servers use. */
const lists = ["data", "images", "output"] as const;
/** Where an image stands in an entry, as base64, a data URL or a link: which of them is seen from the words. */
const images = ["b64_json", "base64", "b64", "url", "image_url", "image"] as const;
const labels = ["output_format", "media_type", "mime_type", "content_type"] as const;

/**
 * Finds the images in the body of a success, wherever servers that claim to be compatible put them, and keeps the places of those that
 * failed. Empty is absent, and what is not of its type is absent as well. Empty where the body holds neither an image nor a list.
 */
export function readEntries(body: unknown): ReplyEntry[] {
  const fields = fieldsOf(body);
  const shared = { format: labelOf(fields), quality: settledWord(fields?.["quality"]) };
  return valuesOf(body, 0).map((value) => entryOf(value, shared));
}

/**
 * A word for what the upstream has settled, such as a quality. Nothing, an empty word and `auto` say that it does not tell, which must not
 * hide what others tell. What is no word is absent.
 */
export function settledWord(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > maxWord) return undefined;
  const word = value.toLowerCase();
  return word === "auto" ? undefined : word;
}

/**
 * Collects the entries for the images that were asked for. Where more came than that, those without an image are left out, the first ones
 * first: what stands beside a null is the image that is paid for. It keeps no more than that, however many an upstream sends.
 */
export function collectEntries(wanted: number) {
  const kept: ReplyEntry[] = [];
  let drawn = 0;
  let failed = 0;

  function keep(entry: ReplyEntry): void {
    if (entry.sent !== undefined) {
      if (++drawn <= wanted) kept.push(entry);
      return;
    }
    if (++failed > wanted) kept.splice(kept.findIndex(isFailure), 1);
    kept.push(entry);
  }

  return {
    add: (entries: readonly ReplyEntry[]): void => entries.forEach(keep),
    isEmpty: (): boolean => kept.length === 0,
    /** How many images came: also those that no request asked for. */
    drawn: (): number => drawn,
    /** At most as many entries as images were asked for. */
    fitting(): ReplyEntry[] {
      let surplus = kept.length - wanted;
      return kept.filter((entry) => !isFailure(entry) || surplus-- <= 0);
    },
  };
}

const isFailure = ({ sent }: ReplyEntry): boolean => sent === undefined;

/** Whether there is an image, or a failure of an image, among the entries. Without any, the body as a whole has to say why. */
export const hasAny = (entries: readonly ReplyEntry[]): boolean =>
  entries.some((entry) => entry.sent !== undefined || entry.failure !== null);

function valuesOf(body: unknown, depth: number): unknown[] {
  if (Array.isArray(body)) return body;
  const fields = fieldsOf(body);
  const inner = fields === undefined || depth > 2 ? [] : lists.map((name) => valuesOf(fields[name], depth + 1));
  return inner.find((values) => values.length > 0) ?? (sourcesOf(body).length > 0 ? [body] : []);
}

/** `shared`: what the body says of all its images, for what an entry does not say itself. */
function entryOf(value: unknown, shared: { format: string | undefined; quality: string | undefined }): ReplyEntry {
  const fields = fieldsOf(value);
  const sources = sourcesOf(value);
  if (sources.length === 0) return { failure: fields?.["error"] === undefined ? null : { error: fields["error"] } };
  return {
    sent: { sources, claimed: labelOf(fields) ?? shared.format },
    revisedPrompt: revisedPromptOf(fields),
    quality: settledWord(fields?.["quality"]) ?? shared.quality,
  };
}

function revisedPromptOf(fields: Fields | undefined): string | undefined {
  const [text] = textsOf(fields?.["revised_prompt"]);
  // Half of a surrogate pair may be left at the cut.
  return text !== undefined && text.length > maxRevisedPrompt
    ? text.slice(0, maxRevisedPrompt).replace(/[\uD800-\uDBFF]$/, "")
    : text;
}

/** As many as there are fields for an image. Each is fetched and decoded in turn, which may take minutes. */
const maxSources = images.length;

/**
 * Whether a string that has no name is an image: a link, a data URL, or longer in base64 than any word. A pattern for the whole of the base64
 * would run out of stack at some megabytes, so one character that base64 does not have is looked for.
 */
const isImage = (text: string): boolean =>
  /^(?:https?:|data:)/i.test(text) || (text.length >= 64 && !/[^\w+/=\s-]/.test(text));

/** What may be the image, the most likely first. */
function sourcesOf(value: unknown): (string | InlineImage)[] {
  if (value instanceof InlineImage) return [value];
  const fields = fieldsOf(value);
  if (fields === undefined) return typeof value === "string" ? textsOf(value).filter(isImage) : [];
  return images.flatMap((name) => sourcesIn(fields[name])).slice(0, maxSources);
}

const isSource = (value: unknown): boolean => typeof value === "string" || value instanceof InlineImage;

/** What may be the image, in a field that holds some, or a list of some, or `{ url }`. */
function sourcesIn(field: unknown): (string | InlineImage)[] {
  if (field instanceof InlineImage) return [field];
  if (Array.isArray(field)) return field.filter(isSource).flatMap(sourcesIn);
  const url = fieldsOf(field)?.["url"];
  return url instanceof InlineImage ? [url] : textsOf(field);
}

/** The words of a field that holds some, or a list of some, or `{ url }`. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return value.trim() === "" ? [] : [value.trim()];
  if (Array.isArray(value)) return value.filter((one) => typeof one === "string").flatMap(textsOf);
  const url = fieldsOf(value)?.["url"];
  return typeof url === "string" ? textsOf(url) : [];
}

const labelOf = (fields: Fields | undefined): string | undefined =>
  labels.flatMap((name) => textsOf(fields?.[name])).find(Boolean);
