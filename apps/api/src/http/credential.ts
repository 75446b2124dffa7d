import type { IncomingHttpHeaders } from "node:http";

/**
 * The credential of a request in the form of the `Authorization` header: that header itself, or else the key that Azure's clients send as
 * `api-key` and others as `x-api-key`.
 */
export function credentialOf(headers: IncomingHttpHeaders): string | undefined {
  const { authorization, "api-key": azure, "x-api-key": other } = headers;
  const key = azure ?? other;
  return authorization ?? (key === undefined ? undefined : `Bearer ${String(key)}`);
}
