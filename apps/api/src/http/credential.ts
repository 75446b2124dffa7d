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

/** The challenge by which a browser asks its user for a key: see `browserCredentialOf`. */
export const browserChallenge = 'Basic realm="Darkroom", charset="UTF-8"';

/**
 * The same for a route that is opened in a browser, where a key is typed as the password of HTTP Basic, beside any user name (RFC 7617).
 * A browser sends it again by itself to such routes, and to no other that takes only bearer keys.
 */
export function browserCredentialOf(headers: IncomingHttpHeaders): string | undefined {
  const basic = /^basic +([A-Za-z0-9+/=]+)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
  if (basic === undefined) return credentialOf(headers);
  const pair = Buffer.from(basic, "base64").toString("utf8");
  return `Bearer ${pair.slice(pair.indexOf(":") + 1)}`;
}
