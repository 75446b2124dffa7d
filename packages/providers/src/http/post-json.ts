import { retryAfterMs } from "@darkroom/outbound";
import { createParser } from "eventsource-parser";
import { ProviderError } from "../provider-error.ts";
import { exchange, type ExchangeLimits, type JsonPost, type OpenAnswer } from "./exchange.ts";
import { maxTextCharacters, openText } from "./open-text.ts";
import { parseJson } from "./parse-json.ts";
import { BodyTooLargeError } from "./read-body.ts";
import type { ReplyImages } from "./reply-images.ts";

type AnswerFacts = {
  status: number;
  retryAfterMs: number | undefined;
  requestId: string | undefined;
};

/**
 * Read of a refusal. Of a longer one, only its status is known. FastAPI and gateways quote the whole request: a prompt of 32,000 characters takes 192,000 as escaped JSON, and about
 * twice that within the words of a gateway.
 */
const maxRefusalCharacters = 1024 * 1024;

/** What the upstream answered: a parsed body and success, or a refusal whose body may be anything. */
export type JsonAnswer = UpstreamSuccess | ({ ok: false } & UpstreamRefusal);

export type UpstreamSuccess = AnswerFacts & { ok: true; body: unknown };

/** `body` is parsed; words that are no JSON stand as they came, and it is undefined where it was markup or nothing. */
export type UpstreamRefusal = AnswerFacts & { body: unknown };

/**
 * Posts JSON once and reads the JSON that comes back. A redirect counts as a refusal.
 * Throws as `exchange` does, and `ProviderError` when a success cannot be read.
 */
export const postJson = (post: JsonPost, limits: ExchangeLimits): Promise<JsonAnswer> =>
  exchange(post, limits, "application/json", async (answer) => {
    const { chunks } = await openText(answer, limits.maxBytes);
    return readJsonAnswer(answer, chunks, limits);
  });

/** Reads the text of a whole answer, which is JSON if it is a success. `images` were taken out of it. */
export async function readJsonAnswer(
  answer: OpenAnswer,
  chunks: AsyncIterable<string>,
  { maxBytes, now, images }: Pick<ExchangeLimits, "maxBytes" | "now"> & { images?: ReplyImages },
): Promise<JsonAnswer> {
  const ofSuccess = images === undefined ? maxBytes : maxTextCharacters;
  const ofText = isSuccess(answer) ? ofSuccess : maxRefusalCharacters;
  const mostCharacters = Math.min(maxBytes, ofText);
  let text = "";
  for await (const chunk of chunks) {
    text += chunk;
    // Leaving the loop destroys the body, and with it the socket.
    if (text.length > mostCharacters) break;
  }
  const facts = factsOf(answer, now());
  const isCut = text.length > mostCharacters;
  if (!isSuccess(answer)) return { ok: false, ...facts, body: isCut ? undefined : bodyOfRefusal(text) };
  // An answer that might have been a stream was opened with more patience.
  if (isCut) throw new BodyTooLargeError(`The answer has more than ${mostCharacters} characters.`);
  const body = parseJson(text, images);
  if (body !== undefined) return { ok: true, ...facts, body };
  throw new ProviderError({
    code: "upstream_error",
    message: "The provider reported success but its answer could not be read, so the request was not sent again.",
    retryable: false,
    mayHaveCharged: true,
    upstreamStatus: answer.status,
    detail: `not JSON: ${text.length} characters of ${answer.headers["content-type"] ?? "no content type"}`,
  });
}

export const isSuccess = ({ status }: OpenAnswer): boolean => status >= 200 && status <= 299;

export const factsOf = ({ status, headers }: OpenAnswer, now: number): AnswerFacts => ({
  status,
  retryAfterMs: retryAfterMs(headers, now),
  // It is logged with each failure.
  requestId: headers["x-request-id"]?.slice(0, 128),
});

/** JSON; what the first event says that has any; or plain words. A page of HTML has no reason for a caller. */
function bodyOfRefusal(text: string): unknown {
  const body = parseJson(text) ?? firstEvent(text);
  return body ?? (/^\s*(?:<|$)/.test(text) ? undefined : text.trim());
}

function firstEvent(text: string): unknown {
  let found: unknown;
  createParser({ onEvent: ({ data }) => (found ??= parseJson(data)) }).feed(`${text}\n\n`);
  return found;
}
