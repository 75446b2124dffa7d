import type { ServerResponse } from "node:http";
import type { ApiError } from "@darkroom/contracts";
import { errorHeaders } from "./answer-error.ts";
import { newRequestId } from "./request-facts.ts";

type Prepared = { body: string; head: readonly string[]; length: string };

/** What there is to say of errors that are thrown again and again, each made once. */
const preparedErrors = new WeakMap<ApiError, Prepared>();

/** Answers a request that no route sees, as `answerError` would. `last` closes the connection after it. */
export function writeError(error: ApiError, response: ServerResponse, { last }: { last: boolean }): void {
  const { body, head, length } = preparedErrors.get(error) ?? prepare(error);
  const headers = ["x-request-id", newRequestId(), ...head];
  // The body of the request is not read. As in `answerError`, the connection is left open, and Node reads it away.
  if (last) headers.push("connection", "close");
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
