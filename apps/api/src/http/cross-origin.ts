import type { FastifyReply, FastifyRequest } from "fastify";

/** Two hours, which is as long as Chromium keeps an answer to a preflight. */
const preflightSeconds = "7200";
const methods = "GET, HEAD, POST, PATCH, DELETE";

/**
 * Lets pages of other origins call the service and read what it answers, by the CORS protocol of the Fetch standard
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). `origins` are theirs (`https://app.example.com`), `*` is every one; with none
 * nothing is said, and browsers keep the answers to themselves.
 */
export function createCrossOrigin(origins: readonly string[]) {
  const admitted = new Set(origins);
  const admits = (origin: string | undefined): origin is string =>
    origin !== undefined && (admitted.has("*") || admitted.has(origin));

  return {
    /** Answers a browser that asks whether a page may send its request. False: that is not what is asked, or it may not. */
    answerPreflight({ method, headers }: FastifyRequest, reply: FastifyReply): boolean {
      const asked = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
      if (!asked || !admits(headers.origin)) return false;
      reply.code(204).headers({
        "access-control-allow-methods": methods,
        // Whatever it is: SDKs send headers of their own, and `*` would leave out Authorization.
        "access-control-allow-headers": headers["access-control-request-headers"] ?? "*",
        "access-control-max-age": preflightSeconds,
      });
      void reply.send();
      return true;
    },

    /** Says on an answer whether the page that asked may read it. */
    mark({ headers: { origin } }: FastifyRequest, reply: FastifyReply): void {
      if (admitted.size === 0) return;
      const vary = reply.getHeader("vary");
      // So that no cache gives the answer for one origin to another.
      reply.header("vary", vary === undefined ? "Origin" : `${String(vary)}, Origin`);
      if (!admits(origin)) return;
      // Ids, limits, cost: there is nothing in them that the caller may not know. No cookie is read here, so `*` is allowed.
      reply.headers({ "access-control-allow-origin": origin, "access-control-expose-headers": "*" });
    },
  };
}
