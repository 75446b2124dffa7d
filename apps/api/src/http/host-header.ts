import type { IncomingMessage } from "node:http";
import { ApiError } from "@darkroom/contracts";

/**
 * What is wrong with a request's `Host`, which RFC 9112 §3.2 wants refused with 400: none, several, or no host. A proxy may have
 * decided by another of several than we would read. Node leaves only the first in `headers`. Undefined: nothing is wrong.
 */
export function hostFault({ rawHeaders, httpVersion }: IncomingMessage): ApiError | undefined {
  let host: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length !== 4 || name.toLowerCase() !== "host") continue;
    if (host !== undefined) return refused("There is more than one Host header.");
    host = rawHeaders[i + 1] ?? "";
  }
  if (host === undefined) return httpVersion === "1.1" ? refused("The Host header is missing.") : undefined;
  return /[\s,/?#@\\]/.test(host) ? refused("The Host header is not the name of a host.") : undefined;
}

const refused = (message: string) => new ApiError("invalid_request_error", message);
