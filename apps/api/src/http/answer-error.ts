import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isAbortError } from "../generation/queue-answer.ts";
import { connectionLimits } from "../limits/server-limits.ts";
import { newRequestId, type FollowRequestDependencies } from "./request-facts.ts";
import { commonHeaders } from "./common-headers.ts";

/** The headers that go with an error. */
function errorHeaders({ retryable, retryAfterMs, status }: ApiError): Record<string, string> {
  return {
    "x-should-retry": String(retryable),
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
    // RFC 9110 §11.6.1: a 401 says how to authenticate.
    ...(status === 401 && { "www-authenticate": "Bearer" }),
  };
}

/** Logs an error, with its cause. */
export function noteError(error: ApiError, request: FastifyRequest, log: Logger): void {
  request.facts.errorCode = error.code;
  if (error.cause === undefined) return;
  // A 503 is an outage for all requests, so its warnings are counted. A 500 is a fault of ours in this request.
  const level = error.status < 500 ? "debug" : error.status === 503 ? "warn" : "error";
  const { generationId } = request.facts;
  log[level]({ requestId: request.id, generationId, err: error.cause }, error.message);
}

/** Answers a thrown error, in the one shape of errors. */
export async function answerError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): Promise<void> {
  // The read was aborted because the client disconnected, so there is no one to answer.
  if (isAbortError(thrown) && reply.raw.closed) return void reply.hijack();
  const error = isTooLarge(thrown) ? bodyTooLarge(request) : toApiError(thrown);
  noteError(error, request, log);
  // Fastify closes the connection on a body that it does not read.
  reply.removeHeader("connection");
  await reply.code(error.status).headers(errorHeaders(error)).send({ error: error.toObject() });
}

/**
 * Whether a part of the body has not arrived yet. A connection that is closed then is reset, and its client never sees the answer. Left open,
 * Node reads the rest away, for `bodyLimits.wholeMs` at most.
 */
export const hasUnreadBody = ({ complete, headers }: IncomingMessage): boolean =>
  !complete && (Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined);

const isTooLarge = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown && thrown.code === "FST_ERR_CTP_BODY_TOO_LARGE";

const bodyTooLarge = ({ routeOptions: { bodyLimit } }: FastifyRequest) =>
  new ApiError("payload_too_large", `The body is larger than ${bodyLimit} bytes, which is the limit.`);

/** Our errors for those that Fastify throws, by its code. */
const fastifyErrors: Readonly<Record<string, () => ApiError>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ApiError(
      "unsupported_media_type",
      "The body must be JSON. Send it with the header Content-Type: application/json.",
    ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ApiError("invalid_request_error", "The body is not as long as its Content-Length says."),
  FST_ERR_MAX_PARAM_LENGTH: () => new ApiError("not_found", "Nothing here has a name of that length."),
  FST_ERR_BAD_URL: () => new ApiError("invalid_request_error", "The URL is malformed: check its percent-encoding."),
};

/** The `ApiError` for a thrown error. An error that is not meant for callers becomes a 500 without internals. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const known = fastifyErrors[code];
  if (known !== undefined) return known();
  const statusCode = thrown instanceof Error && "statusCode" in thrown ? thrown.statusCode : undefined;
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new ApiError("invalid_request_error", "The request could not be read.", { cause: thrown });
  }
  return new ApiError("server_error", "Darkroom failed while it handled this request.", { cause: thrown });
}

type Prepared = { body: string; head: readonly string[]; length: string };

/** The answers to errors that are thrown often, each created once. */
const preparedErrors = new WeakMap<ApiError, Prepared>();

type WriteErrorOptions = {
  /** Closes the connection after it, unless the body of the request is not read yet. */
  last: boolean;
  /** Headers before those of the error, names and values alternating. */
  headers: readonly string[];
};

/** Answers a request before Fastify, as `answerError` would. */
export function writeError(error: ApiError, response: ServerResponse, { last, headers: own }: WriteErrorOptions): void {
  const { body, head, length } = preparedErrors.get(error) ?? prepare(error);
  const headers = ["x-request-id", newRequestId(), ...own, ...head];
  if (last && !hasUnreadBody(response.req)) headers.push("connection", "close");
  else response.removeHeader("connection");
  headers.push("content-length", length);
  response.writeHead(error.status, headers).end(body);
}

function prepare(error: ApiError): Prepared {
  const body = JSON.stringify({ error: error.toObject() });
  const head = Object.entries({ ...errorHeaders(error), "content-type": "application/json; charset=utf-8" }).flat();
  const prepared = { body, head, length: String(Buffer.byteLength(body)) };
  preparedErrors.set(error, prepared);
  return prepared;
}

/** What Node calls a request whose headers, or whose body, did not arrive in time. */
export const requestTimeoutCode = "ERR_HTTP_REQUEST_TIMEOUT";

/** Answers bytes that are no HTTP request. There is no request and no reply here, only a socket. */
export function answerBrokenRequest(
  { code }: { code: string },
  socket: Socket,
  { log, metrics, unauthenticatedLog }: FollowRequestDependencies,
): void {
  if (code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const error = errorFor(code);
  metrics.refusedRequests.inc({ code: error.code });
  const requestId = newRequestId();
  const body = JSON.stringify({ error: error.toObject() });
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
    "x-request-id": requestId,
    ...commonHeaders,
    ...errorHeaders(error),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join("")}\r\n${body}`);
  if (!unauthenticatedLog.takeLine(socket, { refused: true })) return;
  log.info({ requestId, ip: socket.remoteAddress, status: error.status, reason: code }, "A broken request was refused");
}

function errorFor(code: string): ApiError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW": {
      const limit = connectionLimits.maxHeaderSize;
      return new ApiError("invalid_request_error", `The headers are larger than ${limit} bytes, which is the limit.`);
    }
    case requestTimeoutCode:
      return new ApiError("request_timeout", "The request did not arrive in time.");
    default:
      return new ApiError("invalid_request_error", "The bytes sent are not an HTTP request.");
  }
}
