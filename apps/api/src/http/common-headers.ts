import type { ServerResponse } from "node:http";

/**
 * The headers of every answer, whichever part writes it: a route, Fastify, the gate before it, or the answer to bytes that are no request.
 * `@fastify/helmet` reaches only the first two of these, and would forbid other pages to show our images. HSTS is for the proxy that
 * speaks TLS.
 */
export const commonHeaders = {
  // No browser may take JSON, or an image, for a page.
  "x-content-type-options": "nosniff",
  // What is opened as a page all the same, an SVG for one, runs nothing, loads nothing but what stands in it as data, and is shown in
  // no frame.
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'; sandbox",
  // A signed link is a credential.
  "referrer-policy": "no-referrer",
} as const;

/** To be called before anything else writes to the answer. */
export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
}
