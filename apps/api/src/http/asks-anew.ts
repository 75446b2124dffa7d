import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether a caller asks for a new generation, and not for what an equal request has left behind: `Cache-Control: no-cache`
 * (RFC 9111 §5.2.1.4), which an HTTP cache would obey likewise.
 */
export const asksAnew = ({ "cache-control": directives = "" }: IncomingHttpHeaders): boolean =>
  directives.split(",").some((directive) => directive.trim().toLowerCase() === "no-cache");
