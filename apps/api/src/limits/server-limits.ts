import type { ServerOptions } from "node:http";
import type { FastifyServerOptions } from "fastify";

/** The limits on a request, as options of Fastify. */
export const requestLimits = {
  /** Of most bodies, in bytes: sixteen pairs of metadata, every character escaped, are 55 KB. Requests for images have their own. */
  bodyLimit: 65_536,
  /** The longest model name is 128 characters, three times that when every one of them is escaped. */
  routerOptions: { maxParamLength: 384 },
} as const satisfies FastifyServerOptions;

/** Of a request for images, in bytes: a prompt of 32,000 characters is 128 KB at most, and models may declare parameters of their own. */
export const imageBodyLimit = 1_048_576;

/**
 * The limits on a connection, as options of Node's HTTP server. There is no limit on how long an answer takes: a caller waits up to ten
 * minutes for an answer, and the wait has its own limit.
 */
export const connectionLimits = {
  /** For a whole request to arrive, an upload of 200 MB at 56 KB/s among them. All other bodies have `bodyLimits`. */
  requestTimeout: 3_600_000,
  /** Longer than the 60 s of common load balancers, because the side that opened an idle connection must close it first. */
  keepAliveTimeout: 75_000,
  /** Headers come in one packet or a few. */
  headersTimeout: 10_000,
  /** How late `headersTimeout` and `requestTimeout` may be noticed. */
  connectionsCheckingInterval: 5_000,
  /** Keys, cookies of a gateway, tracing: Node's default, stated because an error message names it. */
  maxHeaderSize: 16_384,
  /** Node would answer without a body; we answer in the error shape. */
  requireHostHeader: false,
} as const satisfies ServerOptions;

/**
 * How long a client may take none of an answer that is there, in milliseconds. It is cut after twice that time at the latest. Linux takes more
 * of an answer only when a third of its send buffer is free, which has up to 4 MiB: a client that receives 22 KB a second seems to take
 * nothing for so long. A slower one does not receive 20 MB in the ten minutes after which OpenAI's clients give up.
 */
export const stalledAnswerMs = 60_000;

/** How long bodies may take, in milliseconds. */
export const bodyLimits: { wholeMs: number; upload: { windowMs: number; leastBytes: number } } = {
  /** For a whole body that is no upload: 1 MiB at 35 KB/s. */
  wholeMs: 30_000,
  /**
   * How much of an upload must arrive in each window: 4 KiB a second, as a slow phone sends. With a limit on silence alone, a byte now and
   * then kept a place for an hour. A window in which the process did not read, because the object store was slow, does not count.
   */
  upload: { windowMs: 30_000, leastBytes: 122_880 },
};

/** What an upload has besides the file: boundaries, headers of parts, three short fields. */
export const maxFormOverheadBytes = 65_536;
