import type { IncomingMessage } from "node:http";
import { ApiError } from "@darkroom/contracts";

/**
 * The fault of a request's `Host`, for which RFC 9112 §3.2 requires a 400: none, several, or no host. Of several a proxy may have used another
 * than we would; Node leaves only the first in `headers`. Undefined: there is no fault.
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
