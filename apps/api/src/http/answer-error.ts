import type { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toApiError } from "./to-api-error.ts";

/** The headers that go with an error. */
export function errorHeaders({ retryable, retryAfterMs, status }: ApiError): Record<string, string> {
  return {
    "x-should-retry": String(retryable),
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
    // RFC 9110 §11.6.1: a 401 says how to authenticate.
    ...(status === 401 && { "www-authenticate": "Bearer" }),
  };
}

/** Puts an error on the log, with what happened underneath. */
export function noteError(error: ApiError, request: FastifyRequest, log: Logger): void {
  request.facts.errorCode = error.code;
  if (error.cause === undefined) return;
  // A 503 is an outage that concerns every request: as a warning it is counted. A 500 is a fault of ours in this one.
  const level = error.status < 500 ? "debug" : error.status === 503 ? "warn" : "error";
  const { generationId } = request.facts;
  log[level]({ requestId: request.id, generationId, err: error.cause }, error.message);
}

/** Answers with whatever was thrown, in the one shape that errors have. */
export async function answerError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): Promise<void> {
  const error = toApiError(thrown);
  noteError(error, request, log);
  // Fastify closes the connection on a body that it will not read. Closed with bytes unread it is reset, and the caller never sees
  // why; left open, Node reads the rest away, for `bodyLimits.wholeMs` at most.
  reply.removeHeader("connection");
  await reply.code(error.status).headers(errorHeaders(error)).send({ error: error.toObject() });
}
