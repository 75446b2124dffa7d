import type { Server } from "node:http";
import type { FastifyHttpOptions } from "fastify";

/**
 * What a connection may ask of us. There is no limit on how long an answer takes: a caller waits up to ten minutes for one, and the
 * wait has its own limit.
 */
export const serverLimits = {
  /** A prompt of 32,000 characters is 128 KB at most; the rest of a request is small. */
  bodyLimit: 1_048_576,
  /** For a whole request to arrive, an upload of 200 MB at 56 KB/s among them. All other bodies have `bodyLimits`. */
  requestTimeout: 3_600_000,
  /** Longer than the 60 s of common load balancers: the side that opened an idle connection must be the first to close it. */
  keepAliveTimeout: 75_000,
  /** No limit on a silent socket: that is what a waiting caller looks like. */
  connectionTimeout: 0,
  /** The longest model name is 128 characters, three times that when every one of them is escaped. */
  routerOptions: { maxParamLength: 384 },
  http: {
    /** Headers come in one packet or a few. */
    headersTimeout: 10_000,
    /** How late this limit and `requestTimeout` may be noticed. */
    connectionsCheckingInterval: 5_000,
    /** Keys, cookies of a gateway, tracing: Node's own default, said aloud. */
    maxHeaderSize: 16_384,
    /** Node would answer without a body; we say it in the error shape. */
    requireHostHeader: false,
  },
} as const satisfies FastifyHttpOptions<Server>;

/** How long bodies may take, in milliseconds. */
export const bodyLimits: { wholeMs: number; uploadSilenceMs: number } = {
  /** For a whole body that is no upload: 1 MiB at 35 KB/s. */
  wholeMs: 30_000,
  /** Of an upload, without a byte. We are silent, too, while the object store stumbles: it gets three tries of 15 s. */
  uploadSilenceMs: 60_000,
};

/** What an upload has besides the file: boundaries, headers of parts, three short fields. */
export const maxFormOverheadBytes = 65_536;
