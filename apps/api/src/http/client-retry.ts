import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether the caller's client counts its tries, as OpenAI's SDKs do, and whether this is the first or a later one. Undefined for
 * clients that say nothing. Batches go by it; images go by what was answered (docs/decisions/0017).
 */
export function readClientRetry(headers: IncomingHttpHeaders): "first" | "retry" | undefined {
  const count = headers["x-stainless-retry-count"];
  if (typeof count !== "string" || !/^\d{1,9}$/.test(count)) return undefined;
  return Number(count) === 0 ? "first" : "retry";
}
