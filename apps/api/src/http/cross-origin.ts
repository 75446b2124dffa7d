import type { FastifyCorsOptionsDelegateCallback } from "@fastify/cors";
import type { FastifyRequest } from "fastify";

/** The path of the route that `@fastify/cors` makes so that Fastify takes preflights on every path. */
export const preflightPath = "*";

/** Two hours, the longest time for which Chromium keeps an answer to a preflight. */
const preflightSeconds = 7_200;

/**
 * Options of `@fastify/cors`, with which pages of other origins may call the service and read its answers. `origins` are theirs
 * (`https://app.example.com`), `*` is every one. A page of another origin is told nothing.
 */
export function corsOptions(origins: readonly string[]): { delegator: FastifyCorsOptionsDelegateCallback } {
  const admitted = new Set(origins);
  const admits = (origin: string | undefined): boolean =>
    origin !== undefined && (admitted.has("*") || admitted.has(origin));

  return {
    delegator: ({ headers }: FastifyRequest, done) =>
      done(null, {
        origin: admits(headers.origin),
        // Ids, limits, cost: the caller may know all of them. No cookie is read here, so `*` is allowed.
        exposedHeaders: "*",
        // Any other OPTIONS is answered like a method that the route does not have.
        preflight: headers["access-control-request-method"] !== undefined,
        methods: ["GET", "HEAD", "POST", "PATCH", "DELETE"],
        // All that are asked for: SDKs send headers of their own, and `*` would leave out Authorization.
        allowedHeaders: headers["access-control-request-headers"] ?? "*",
        maxAge: preflightSeconds,
      }),
  };
}
