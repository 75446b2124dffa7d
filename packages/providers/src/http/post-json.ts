import { Readable } from "node:stream";
import { retryAfterMs } from "@darkroom/outbound";
import { type Dispatcher, request } from "undici";
import { ProviderError } from "../provider-error.ts";
import { deadline } from "./deadline.ts";
import { networkError } from "./network-error.ts";
import { readBody } from "./read-body.ts";

export type JsonPost = {
  url: string;
  /** The key goes here and nowhere else: headers appear in no error. */
  headers: Record<string, string>;
  body: unknown;
  signal: AbortSignal;
};

/** What the upstream answered: a parsed body and success, or a refusal whose body may be anything. */
export type JsonAnswer = { ok: true; body: unknown; requestId: string | undefined } | ({ ok: false } & UpstreamRefusal);

export type UpstreamRefusal = {
  status: number;
  /** The parsed body, undefined where it was not JSON. */
  body: unknown;
  retryAfterMs: number | undefined;
  requestId: string | undefined;
};

type Limits = { dispatcher: Dispatcher; now: () => number; totalTimeoutMs: number; maxBytes: number };

/**
 * Posts JSON once and reads the JSON that comes back. Redirects are not followed (they would carry the key elsewhere) and count as
 * refusals. Compression is not asked for and not undone, so a small answer cannot become a huge one.
 *
 * Throws `ProviderError` when the connection fails or a success cannot be read; when `signal` aborts, its reason as it stands.
 */
export async function postJson(post: JsonPost, limits: Limits): Promise<JsonAnswer> {
  post.signal.throwIfAborted();
  let sent = false;
  const body = Buffer.from(JSON.stringify(post.body));
  const ends = deadline(post.signal, limits.totalTimeoutMs);
  let answer: { status: number; bytes: Buffer; headers: Record<string, string | undefined> };
  try {
    const response = await request(post.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "accept-encoding": "identity",
        "user-agent": "darkroom",
        ...post.headers,
        "content-length": String(body.length),
      },
      body: lazily(body, () => (sent = true)),
      dispatcher: limits.dispatcher,
      signal: ends.signal,
    });
    const bytes = await readBody(response.body, limits.maxBytes);
    answer = { status: response.statusCode, bytes, headers: single(response.headers) };
  } catch (error) {
    post.signal.throwIfAborted();
    throw networkError(error, { sent, timedOut: ends.timedOut() });
  } finally {
    ends.clear();
  }

  const { status } = answer;
  const requestId = answer.headers["x-request-id"];
  const parsed = parseJson(answer.bytes);
  if (status < 200 || status > 299) {
    return { ok: false, status, body: parsed, retryAfterMs: retryAfterMs(answer.headers, limits.now()), requestId };
  }
  if (parsed === undefined) {
    throw new ProviderError({
      code: "upstream_error",
      message: "The provider reported success but its answer could not be read, so the request was not sent again.",
      retryable: false,
      mayHaveCharged: true,
      upstreamStatus: status,
      detail: `not JSON: ${answer.bytes.length} bytes of ${answer.headers["content-type"] ?? "no content type"}`,
    });
  }
  return { ok: true, body: parsed, requestId };
}

/**
 * A body that tells when it is first read, which undici does only when the connection stands. What fails before cannot have cost
 * anything. No error code says that as surely: a reset during the TLS handshake and one after the request look the same.
 */
function lazily(bytes: Buffer, onRead: () => void): Readable {
  return Readable.from(
    (function* () {
      onRead();
      yield bytes;
    })(),
    { objectMode: false },
  );
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function single(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}
