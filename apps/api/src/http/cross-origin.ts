import type { FastifyCorsOptionsDelegateCallback } from "@fastify/cors";
import type { FastifyRequest } from "fastify";

/** The path of the route that `@fastify/cors` makes so that Fastify takes preflights on every path. */
export const preflightPath = "*";

/** Two hours, the longest time for which Chromium keeps an answer to a preflight. */
const preflightSeconds = 7_200;

/**
 * Options of `@fastify/cors`, with which pages of other origins may call the service and read its answers. `origins` are theirs
 * (`https://app.example.com`), `*` is every one. Pages of other origins get no CORS headers, and no page gets them for the
 * routes of the admin key.
 */
export function corsOptions(origins: readonly string[]): { delegator: FastifyCorsOptionsDelegateCallback } {
  const admits = admission(origins);
  return {
    delegator: ({ headers, routeOptions }: FastifyRequest, done) =>
      done(null, {
        origin: !isForAdmin(routeOptions.url) && admits(headers.origin),
        // Ids, limits, cost: the caller may know all of them. No cookie is read here, so `*` is allowed.
        exposedHeaders: "*",
        // Any other OPTIONS is answered like a method that the route lacks.
        preflight: headers["access-control-request-method"] !== undefined,
        methods: ["GET", "HEAD", "POST", "PATCH", "DELETE"],
        // All requested headers are allowed: SDKs send headers of their own, and `*` does not include Authorization.
        allowedHeaders: headers["access-control-request-headers"] ?? "*",
        maxAge: preflightSeconds,
      }),
  };
}

/**
 * The CORS headers of an answer that is written before Fastify, as `@fastify/cors` sets them. Without them a page sees a network error instead
 * of the refusal. Names and values alternate.
 */
export function createCrossOriginHeaders(origins: readonly string[]) {
  const admits = admission(origins);
  return (origin: string | undefined, { forAdmin }: { forAdmin: boolean }): string[] => {
    if (origins.length === 0) return [];
    const vary = ["vary", "Origin"];
    if (forAdmin || origin === undefined || !admits(origin)) return vary;
    return [...vary, "access-control-allow-origin", origin, "access-control-expose-headers", "*"];
  };
}

/** Whether a route is the operator's, by its path. No page may call it, because an admin key does not belong in a browser. */
export const isForAdmin = (route: string | undefined): boolean => /^\/(admin|metrics)(\/|$)/.test(route ?? "");

/** Whether the pages of an origin may call. */
function admission(origins: readonly string[]): (origin: string | undefined) => boolean {
  const admitted = new Set(origins);
  return (origin) => origin !== undefined && (admitted.has("*") || admitted.has(origin));
}
