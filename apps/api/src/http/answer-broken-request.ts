import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "@darkroom/contracts";
import { errorHeaders } from "./answer-error.ts";
import { commonHeaders } from "./common-headers.ts";
import { type FollowRequestDependencies, newRequestId } from "./request-facts.ts";
import { serverLimits } from "./server-limits.ts";

/** Answers bytes that are no HTTP request. There is no request and no reply here, only a socket. */
export function answerBrokenRequest(
  { code }: { code: string },
  socket: Socket,
  { log, metrics }: FollowRequestDependencies,
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
  log.info({ requestId, ip: socket.remoteAddress, status: error.status, reason: code }, "A broken request was refused");
}

function errorFor(code: string): ApiError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW": {
      const limit = serverLimits.http.maxHeaderSize;
      return new ApiError("invalid_request_error", `The headers are larger than ${limit} bytes, which is the limit.`);
    }
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ApiError("request_timeout", "The request did not arrive in time.");
    default:
      return new ApiError("invalid_request_error", "The bytes sent are not an HTTP request.");
  }
}
