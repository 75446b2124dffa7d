import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account, Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { Drain } from "../drain.ts";
import type { BodyDeadline } from "../limits/body-deadline.ts";
import { createCrossOriginHeaders, isForAdmin } from "./cross-origin.ts";
import { browserChallenge, browserCredentialOf, credentialOf } from "./credential.ts";
import { hostFault } from "./host-header.ts";
import type { FollowRequestDependencies } from "./request-facts.ts";
import { createRouteFinder, type KnownRoutes } from "./known-routes.ts";
import { createAuthenticationThrottle } from "./authentication-throttle.ts";
import { writeError } from "./answer-error.ts";

export type AuthenticationGateDependencies = FollowRequestDependencies & {
  keyring: Pick<Keyring, "authenticate">;
  bodyDeadline: Pick<BodyDeadline, "begin">;
  drain: Pick<Drain, "leaving">;
  /** Whose `X-Forwarded-For` is believed. */
  trustProxy: boolean | string[];
  /** Which routes there are. */
  routes: Pick<KnownRoutes, "has">;
  /** The origins whose pages may call; `*` is every one. */
  corsOrigins: readonly string[];
};

/**
 * Runs before Fastify and refuses clients without a known key. That costs a third of a refusal by Fastify, so a flood of wrong keys takes less
 * from other clients. The first few in a second go on to Fastify, which refuses and logs them; the others are throttled. Requests for
 * routes that do not exist are throttled in the same way. Fastify handles all other faults of a request.
 */
export function createAuthenticationGate(dependencies: AuthenticationGateDependencies) {
  const { keyring, bodyDeadline, drain, metrics, unauthenticatedLog, trustProxy, routes, corsOrigins } = dependencies;
  const guarded = createRouteFinder();
  const admins = createRouteFinder();
  const pages = createRouteFinder();
  const crossOriginHeaders = createCrossOriginHeaders(corsOrigins);
  const accounts = new WeakMap<IncomingMessage, Account>();
  // On a connection of a proxy, a throttled request would block other clients of the same proxy.
  const throttle = trustProxy === false ? createAuthenticationThrottle() : null;

  function refuse(error: ApiError, request: IncomingMessage, response: ServerResponse): void {
    bodyDeadline.begin(request);
    metrics.refusedRequests.inc({ code: error.code });
    const { method = "", url = "" } = request;
    const headers = crossOriginHeaders(request.headers.origin, { forAdmin: admins.has(method, url) });
    if (pages.has(method, url)) headers.push("www-authenticate", browserChallenge);
    writeError(error, response, { last: drain.leaving, headers });
  }

  /** Whether so many requests without an account came in this second that this one is throttled. */
  const isFlood = (request: IncomingMessage) => !unauthenticatedLog.takeLine(request, { refused: true });

  return {
    /** Guards all routes that `app` gets from now on. `inBrowser`: they are opened in a browser, and the key may be a password. */
    guard(app: FastifyInstance, { inBrowser = false }: { inBrowser?: boolean } = {}): void {
      app.addHook("onRoute", ({ method, url }) => {
        guarded.add(method, url);
        if (inBrowser) pages.add(method, url);
        if (isForAdmin(url)) admins.add(method, url);
      });
    },

    /**
     * Refuses a request without a known key, and delays one for a route that does not exist. Returns false when the request is for
     * Fastify now; `pass` hands it to Fastify later.
     */
    turnAway(request: IncomingMessage, response: ServerResponse, pass: () => void): boolean {
      const { method = "", url = "", headers } = request;
      if (!guarded.has(method, url)) {
        if (throttle === null || routes.has(method, url) || !isFlood(request)) return false;
        throttle.wait(request, pass);
        return true;
      }
      if (hostFault(request) !== undefined) return false;
      try {
        const credential = pages.has(method, url) ? browserCredentialOf(headers) : credentialOf(headers);
        accounts.set(request, keyring.authenticate(credential));
        return false;
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "invalid_api_key" || !isFlood(request)) return false;
        if (throttle === null) refuse(error, request, response);
        else throttle.wait(request, () => refuse(error, request, response));
        return true;
      }
    },

    /** The account of a request, looked up once. Throws like the keyring. */
    accountOf: (request: IncomingMessage): Account =>
      accounts.get(request) ?? keyring.authenticate(credentialOf(request.headers)),

    /** Answers all throttled requests. */
    close: (): void => throttle?.close(),
  };
}

export type AuthenticationGate = ReturnType<typeof createAuthenticationGate>;
