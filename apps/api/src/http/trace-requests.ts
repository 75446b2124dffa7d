import { noTracer, type Tracer } from "@darkroom/tracing";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { preflightPath } from "./cross-origin.ts";
import type { KnownRoutes } from "./known-routes.ts";
import { clientAddress, loggablePath } from "./request-facts.ts";

export type TraceRequestsOptions = {
  tracer?: Tracer | undefined;
  routes: Pick<KnownRoutes, "words">;
};

/** Machines ask for these every few seconds for ever. A preflight needs no key. */
const untraced = new Set(["/healthz", "/readyz", "/metrics", preflightPath]);

/** As many characters as tell a client from another. Headers may have kilobytes. */
const maxUserAgentCharacters = 256;

/**
 * Gives each request for a route a span, by the semantic conventions for HTTP. A `traceparent` of the caller continues as far as the settings let
 * it. What matches no route has no span: anybody may send that, at any rate. Call it when `request.facts` are there.
 */
export function traceRequests(app: FastifyInstance, { tracer = noTracer, routes }: TraceRequestsOptions): void {
  if (!tracer.isOn) return;

  app.addHook("onRequest", (request, reply, done) => {
    const { method, headers, is404, routeOptions, id: requestId } = request;
    const route = routeOptions.url;
    if (is404 || route === undefined || untraced.has(route)) return done();
    const span = tracer.start({
      name: `${method} ${route}`,
      kind: "server",
      caller: { traceparent: headers["traceparent"]?.toString(), tracestate: headers["tracestate"]?.toString() },
      attributes: {
        "http.request.method": method,
        "http.route": route,
        "url.scheme": request.protocol,
        // Without the query, which may hold the signature of a link, and without text of the caller's own.
        "url.path": loggablePath(request.url, routes.words),
        "server.address": request.hostname,
        "client.address": clientAddress(request),
        "user_agent.original": headers["user-agent"]?.slice(0, maxUserAgentCharacters),
        "darkroom.request.id": requestId,
      },
      logFields: { requestId },
    });
    request.facts.span = span;
    reply.raw.once("close", () => {
      const { raw } = reply;
      span.set(endAttributes(request));
      if (!raw.writableFinished) span.fail("client disconnected");
      else {
        span.set({ "http.response.status_code": raw.statusCode });
        if (raw.statusCode >= 500) span.fail(request.facts.errorCode ?? String(raw.statusCode));
      }
      span.end();
    });
    return span.run(done);
  });

  // The body arrives in events of the socket, which do not belong to the request. The handler runs within the span again.
  app.addHook("preValidation", (request, _reply, done) => (request.facts.span ?? noTracer.active()).run(done));
}

const endAttributes = ({ facts }: FastifyRequest) => ({
  "darkroom.tenant": facts.account?.tenant,
  "darkroom.key.id": facts.account?.keyId,
  "darkroom.model": facts.model,
  "darkroom.generation.id": facts.generationId,
  "darkroom.batch.id": facts.batchId,
  "darkroom.error.code": facts.errorCode,
});
