import { Readable } from "node:stream";
import { orAborted } from "@darkroom/outbound";
import { type Dispatcher, request } from "undici";
import { ProviderError } from "../provider-error.ts";
import type { Clock } from "../spool/room.ts";
import { cutOut } from "./redact.ts";

export type JsonPost = {
  url: string;
  /** The key goes here and nowhere else: headers appear in no error. */
  headers: Record<string, string>;
  body: unknown;
  signal: AbortSignal;
  /** The media types to ask for, where they are not all that can be read. */
  accept?: string | undefined;
};

export type ExchangeLimits = { dispatcher: Dispatcher; now: () => number; totalTimeoutMs: number; maxBytes: number };

/** An answer whose body is still to be read. */
export type OpenAnswer = {
  status: number;
  headers: Record<string, string | undefined>;
  body: Readable;
  /** The caller's. */
  signal: AbortSignal;
  /** The time within which it has to be read. */
  clock: Clock;
};

/**
 * Posts JSON once and has `read` read the answer, all within one deadline. Redirects are not followed (they would carry the key
 * elsewhere). Compression is not asked for.
 *
 * Throws `ProviderError` when the connection fails, whatever `ProviderError` the reader throws, and when `signal` aborts its reason
 * as it stands.
 *
 * @param accept the media types that the reader can read
 */
export async function exchange<T>(
  post: JsonPost,
  limits: ExchangeLimits,
  accept: string,
  read: (answer: OpenAnswer) => Promise<T>,
): Promise<T> {
  post.signal.throwIfAborted();
  let sent = false;
  const body = Buffer.from(JSON.stringify(post.body));
  const ends = deadline(post.signal, limits.totalTimeoutMs);
  try {
    const call = request(post.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: post.accept ?? accept,
        "accept-encoding": "identity",
        "user-agent": "darkroom",
        ...post.headers,
        "content-length": String(body.length),
      },
      body: lazily(body, () => (sent = true)),
      dispatcher: limits.dispatcher,
      signal: ends.signal,
    });
    const response = await orAborted(call, ends.signal);
    const headers = withoutEchoes(single(response.headers), post.headers);
    const { signal } = post;
    return await read({ status: response.statusCode, headers, body: response.body, signal, clock: ends.clock });
  } catch (error) {
    post.signal.throwIfAborted();
    if (error instanceof ProviderError) throw error;
    throw networkError(error, { sent, timedOut: ends.timedOut() });
  } finally {
    ends.clear();
  }
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

/** An upstream may repeat in a header what it was sent, and its request ids are logged: what we sent, the key with it, is cut out. */
function withoutEchoes(headers: Record<string, string | undefined>, sent: JsonPost["headers"]) {
  const secrets = Object.values(sent).map((value) => value.replace(/^Bearer /, ""));
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value === undefined ? value : cutOut(value, secrets)]),
  );
}

function single(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** A signal that fires with the caller's, or after `timeoutMs` on its clock; `timedOut()` tells which. `clear()` when done. */
export function deadline(signal: AbortSignal, timeoutMs: number) {
  const timer = new AbortController();
  let leftMs = timeoutMs;
  let startedAtMs = 0;
  let handle: NodeJS.Timeout;
  /** Several images of one call may wait at the same time. */
  let stops = 0;
  const run = () => {
    startedAtMs = performance.now();
    handle = setTimeout(() => timer.abort(), leftMs);
  };
  run();
  const clock: Clock = {
    stop() {
      if (stops++ > 0) return;
      clearTimeout(handle);
      leftMs -= performance.now() - startedAtMs;
    },
    start() {
      if (--stops === 0) run();
    },
  };
  return {
    signal: AbortSignal.any([signal, timer.signal]),
    clock,
    timedOut: () => timer.signal.aborted,
    clear: () => clearTimeout(handle),
  };
}

/**
 * What a failure of the connection means. The one question that matters is whether the request had left us:
 *
 * - It had not (refused, no such name, TLS, no connection in time): nothing was drawn, try again.
 * - It had (cut, silent, too slow, an answer that cannot be read): the image may be drawn and paid for already. Darkroom never buys
 *   an image twice by accident, so this is not retried.
 */
function networkError(error: unknown, context: { sent: boolean; timedOut: boolean }): ProviderError {
  const code = codeOf(error);
  if (!context.sent) {
    return new ProviderError({
      code: "upstream_error",
      message: "The provider could not be reached. Nothing was drawn; the request can be sent again.",
      retryable: true,
      mayHaveCharged: false,
      detail: context.timedOut ? "timed out before the request was sent" : code,
      cause: error,
    });
  }
  const slow = context.timedOut || code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT";
  return new ProviderError({
    code: slow ? "timeout_error" : "upstream_error",
    message: slow
      ? "The provider did not answer in time. It is not known whether it drew the images, so the request was not sent again."
      : "The connection to the provider broke before its answer was complete, so the request was not sent again.",
    retryable: false,
    mayHaveCharged: true,
    detail: context.timedOut ? "total timeout" : code,
    cause: error,
  });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
