import { Readable } from "node:stream";
import { orAborted } from "@darkroom/outbound";
import { type Dispatcher, request } from "undici";
import { ProviderError } from "../provider-error.ts";
import { deadline } from "./deadline.ts";
import { networkError } from "./network-error.ts";
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
export type OpenAnswer = { status: number; headers: Record<string, string | undefined>; body: Readable };

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
    return await read({ status: response.statusCode, headers, body: response.body });
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
