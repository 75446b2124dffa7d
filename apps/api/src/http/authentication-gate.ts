import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account, Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { Drain } from "../drain.ts";
import type { BodyDeadline } from "../limits/body-deadline.ts";
import { createCrossOriginHeaders, isForAdmin } from "./cross-origin.ts";
import { credentialOf } from "./credential.ts";
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
 * Runs before Fastify and refuses clients without a known key, for a third of what a refusal costs there: a flood of wrong
 * keys takes that much less from those with right ones. The first few in a second go in and are refused inside, with their lines in
 * the log; the others wait for their turn. Requests for routes that do not exist wait in the same way. Whatever else may be wrong with a
 * request is for Fastify to say.
 */
export function createAuthenticationGate(dependencies: AuthenticationGateDependencies) {
  const { keyring, bodyDeadline, drain, metrics, unauthenticatedLog, trustProxy, routes, corsOrigins } = dependencies;
  const guarded = createRouteFinder();
  const admins = createRouteFinder();
  const crossOriginHeaders = createCrossOriginHeaders(corsOrigins);
  const accounts = new WeakMap<IncomingMessage, Account>();
  // On a proxy's connections, an unauthenticated request that waits would block other clients of the same proxy.
  const throttle = trustProxy === false ? createAuthenticationThrottle() : null;

  function refuse(error: ApiError, request: IncomingMessage, response: ServerResponse): void {
    bodyDeadline.begin(request);
    metrics.refusedRequests.inc({ code: error.code });
    const { method = "", url = "" } = request;
    const headers = crossOriginHeaders(request.headers.origin, { forAdmin: admins.has(method, url) });
    writeError(error, response, { last: drain.leaving, headers });
  }

  /** Whether a request is one of so many without an account in this second that it has to wait for its turn. */
  const isFlood = (request: IncomingMessage) => !unauthenticatedLog.takeLine(request, { refused: true });

  return {
    /** Stands before all routes that `app` is given from now on. */
    guard(app: FastifyInstance): void {
      app.addHook("onRoute", ({ method, url }) => {
        guarded.add(method, url);
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
        accounts.set(request, keyring.authenticate(credentialOf(headers)));
        return false;
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "invalid_api_key" || !isFlood(request)) return false;
        if (throttle === null) refuse(error, request, response);
        else throttle.wait(request, () => refuse(error, request, response));
        return true;
      }
    },

    /** Who sent a request, looked up once. Throws like the keyring. */
    accountOf: (request: IncomingMessage): Account =>
      accounts.get(request) ?? keyring.authenticate(credentialOf(request.headers)),

    /** Answers all that still wait. */
    close: (): void => throttle?.close(),
  };
}

export type AuthenticationGate = ReturnType<typeof createAuthenticationGate>;
