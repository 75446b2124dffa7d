import { createGuardedAgent, type ResolveName } from "@darkroom/outbound";
import { Agent } from "undici";
import { downloadImage, type Download } from "./download-image.ts";
import type { JsonPost } from "./exchange.ts";
import { type EventsAnswer, type EventsReader, postForEvents } from "./post-for-events.ts";
import { type JsonAnswer, postJson } from "./post-json.ts";
import { createReplyImages, type ReplyImages } from "./reply-images.ts";
import type { HttpSettings } from "./settings.ts";
import { createSpool, type Spool } from "../spool/spool.ts";

/** The one way from adapters to the outside. */
export type HttpClient = {
  /** Sends one JSON request, once. Throws `ProviderError` where there is no answer to read, or the signal's reason on abort. */
  postJson(request: JsonPost): Promise<JsonAnswer>;
  /** The same for an answer that may come as server-sent events, and has images. */
  postForEvents(request: JsonPost, reader: EventsReader): Promise<EventsAnswer>;
  /** A place for the images of the answers of one call. Discard it when the call has ended. */
  newReplyImages(): ReplyImages;
  /** Fetches an image from a URL that an upstream named. The caller releases it. Throws `ProviderError`, or the signal's reason on abort. */
  downloadImage(url: string, signal: AbortSignal): Promise<Download>;
  /** The largest image that is accepted, in bytes, however it arrives. */
  readonly maxImageBytes: number;
  close(): Promise<void>;
};

export type HttpClientOptions = {
  now?: () => number;
  resolve?: ResolveName;
  /** Where images wait until they are stored. */
  spool?: Spool;
};

/** Creates the HTTP client of all providers. The caller closes it. */
export function createHttpClient(settings: HttpSettings, options: HttpClientOptions = {}): HttpClient {
  const { now = Date.now, spool = createSpool() } = options;
  const timeouts = {
    headersTimeout: settings.PROVIDER_HEADERS_TIMEOUT_MS,
    bodyTimeout: settings.PROVIDER_IDLE_TIMEOUT_MS,
  };
  const timeout = settings.PROVIDER_CONNECT_TIMEOUT_MS;
  const api = new Agent({
    ...timeouts,
    connect: { timeout },
    // HTTP/1.1, so that one cut connection costs one call and not every call that shared it.
    allowH2: false,
    // No connection is kept for the next call: a server that closes an idle one in the moment we write looks like a cut after
    // sending, which must count as paid for. A handshake is nothing beside the seconds that a picture takes.
    pipelining: 0,
  });
  const allowPrivate = settings.PROVIDER_ALLOW_PRIVATE_IMAGE_URLS;
  const images = createGuardedAgent({ ...timeouts, allowPrivate, connectTimeoutMs: timeout, resolve: options.resolve });

  const limits = {
    dispatcher: api,
    now,
    totalTimeoutMs: settings.PROVIDER_TOTAL_TIMEOUT_MS,
    maxBytes: settings.PROVIDER_MAX_REPLY_BYTES,
  };

  return {
    maxImageBytes: settings.PROVIDER_MAX_IMAGE_BYTES,
    postJson: (request) => postJson(request, limits),
    postForEvents: (request, reader) => postForEvents(request, limits, reader),
    newReplyImages: () => createReplyImages({ spool, maxImageBytes: settings.PROVIDER_MAX_IMAGE_BYTES }),
    downloadImage: (url, signal) =>
      downloadImage(url, signal, {
        dispatcher: images,
        totalTimeoutMs: settings.PROVIDER_DOWNLOAD_TIMEOUT_MS,
        maxBytes: settings.PROVIDER_MAX_IMAGE_BYTES,
        allowPrivate,
        spool,
      }),
    close: async () => {
      // Destroyed, not drained: calls have their own signal, and a stop has a deadline.
      await Promise.all([api.destroy(), images.destroy()]);
    },
  };
}
