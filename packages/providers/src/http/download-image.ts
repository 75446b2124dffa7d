import { orAborted, OutboundError, parseOutboundUrl } from "@darkroom/outbound";
import pRetry from "p-retry";
import { type Dispatcher, request } from "undici";
import { ProviderError } from "../provider-error.ts";
import type { Guest } from "../spool/room.ts";
import type { Spool, SpoolWriter } from "../spool/spool.ts";
import { type ImageBytes, releaseBytes } from "../spool/spooled-bytes.ts";
import { deadline } from "./exchange.ts";
import { BodyTooLargeError, readChunks } from "./read-body.ts";

export type Download = {
  bytes: ImageBytes;
  /** The `Content-Type` without its parameters: what the server claims, not what it is. */
  contentType: string | undefined;
};

type Limits = {
  dispatcher: Dispatcher;
  totalTimeoutMs: number;
  maxBytes: number;
  allowPrivate: boolean;
  spool: Spool;
};

/** A CDN needs one or two; more is a maze. */
const maxRedirects = 3;
/**
 * The image behind the URL is drawn and paid for, and fetching it again costs nothing, so a stumble is not the end: three tries,
 * a quarter of a second and one second apart.
 */
const patience = { retries: 2, minTimeout: 250, factor: 4 };

const accept = "image/png, image/jpeg, image/webp, image/gif, image/svg+xml";

/** An answer that says the server stumbled, not that the image is away. */
class StumbledError extends Error {
  override readonly name = "StumbledError";
}

/**
 * Fetches an image over http or https: at most three redirects, every host checked before each hop and again where the socket
 * connects (`createGuardedAgent`), time and size limited. Any failure is a `ProviderError` that may have cost an image: it was drawn.
 */
export async function downloadImage(url: string, signal: AbortSignal, limits: Limits): Promise<Download> {
  signal.throwIfAborted();
  const ends = deadline(signal, limits.totalTimeoutMs);
  let downloaded: Download | undefined;
  try {
    const call = { signal: ends.signal, clock: ends.clock, call: signal };
    await pRetry(async () => (downloaded = await follow(url, limits, call)), {
      ...patience,
      signal: ends.signal,
      shouldRetry: ({ error }) => worthAnotherTry(error),
    });
    if (downloaded === undefined) throw new Error("A download has neither succeeded nor failed.");
    return downloaded;
  } catch (error) {
    // It was complete when its call ended.
    if (downloaded !== undefined) await releaseBytes(downloaded.bytes);
    signal.throwIfAborted();
    throw new ProviderError({
      code: ends.timedOut() ? "timeout_error" : "upstream_error",
      message: "The provider drew the image, but it could not be downloaded from the URL that the provider named.",
      retryable: false,
      mayHaveCharged: true,
      detail: ends.timedOut() ? "download timed out" : detailOf(error),
      cause: error,
    });
  } finally {
    ends.clear();
  }
}

type Call = Pick<Guest, "signal" | "clock"> & { call: AbortSignal };

async function follow(start: string, limits: Limits, call: Call): Promise<Download> {
  const { signal } = call;
  // A picture is no secret, and some upstreams serve theirs over http.
  const rules = { allowPrivate: limits.allowPrivate, allowInsecure: true };
  let url = parseOutboundUrl(start, rules);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const asked = request(url, {
      dispatcher: limits.dispatcher,
      signal,
      headers: { accept, "accept-encoding": "identity", "user-agent": "darkroom" },
    });
    const response = await orAborted(asked, signal);
    const { statusCode, headers } = response;
    if (statusCode === 200) {
      const contentType = String(headers["content-type"] ?? "").split(";", 1)[0];
      const encoding = headers["content-encoding"];
      const chunks = readChunks(response.body, { maxBytes: limits.maxBytes, encoding: encoding?.toString() });
      const bytes = await spooled(chunks, limits.spool.newWriter(limits.spool.newGuest(call)));
      return { bytes, contentType: contentType?.trim().toLowerCase() };
    }
    // Not dump(): that would read on, and the body of an untrusted server can be endless.
    response.body.on("error", () => undefined).destroy();
    if (statusCode >= 500 || statusCode === 429) throw new StumbledError(`HTTP ${statusCode} from the image's server`);
    const location = headers["location"];
    if (statusCode < 300 || statusCode > 399 || typeof location !== "string") {
      throw new Error(`HTTP ${statusCode} from the image's server`);
    }
    url = parseOutboundUrl(new URL(location, url), rules);
  }
  throw new Error(`more than ${maxRedirects} redirects`);
}

async function spooled(chunks: AsyncIterable<Buffer>, writer: SpoolWriter): Promise<ImageBytes> {
  try {
    for await (const chunk of chunks) await writer.write(chunk);
    return await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function detailOf(error: unknown): string {
  if (error instanceof OutboundError) return error.detail;
  return error instanceof Error ? error.message : String(error);
}

/** Refusals by rule stay refusals; a broken connection or a 5xx may mend. */
function worthAnotherTry(error: unknown): boolean {
  if (error instanceof OutboundError) return error.retryable;
  if (error instanceof BodyTooLargeError) return false;
  return error instanceof StumbledError || (error instanceof Error && "code" in error);
}
