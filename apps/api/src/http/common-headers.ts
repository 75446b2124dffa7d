import type { ServerResponse } from "node:http";

/**
 * The headers of every answer, whichever part writes it: a route, Fastify, the gate before it, or the answer to bytes that are not HTTP.
 * `@fastify/helmet` reaches only the first two of these, and would forbid other pages to show our images. HSTS is for the proxy that
 * speaks TLS.
 */
export const commonHeaders = {
  // A browser must not treat JSON or an image as a page.
  "x-content-type-options": "nosniff",
  // An answer that is opened as a page, such as an SVG, runs nothing, loads nothing but its own data URLs, and is shown in
  // no frame.
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'; sandbox",
  // A signed link is a credential.
  "referrer-policy": "no-referrer",
} as const;

/** Call it before anything else writes to the answer. */
export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
}
