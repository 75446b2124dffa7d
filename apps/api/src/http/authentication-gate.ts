import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account, Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { Logger } from "@darkroom/runtime";
import type { Drain } from "../drain.ts";
import type { BodyDeadline } from "../limits/body-deadline.ts";
import { credentialOf } from "./credential.ts";
import { hostFault } from "./host-header.ts";
import type { FollowRequestDependencies } from "./request-facts.ts";
import { createRouteFinder } from "./known-routes.ts";
import { createAuthenticationThrottle } from "./authentication-throttle.ts";
import { writeError } from "./answer-error.ts";

export type AuthenticationGateDependencies = FollowRequestDependencies & {
  keyring: Pick<Keyring, "authenticate">;
  bodyDeadline: Pick<BodyDeadline, "begin">;
  drain: Pick<Drain, "leaving">;
  /** Whose `X-Forwarded-For` is believed. */
  trustProxy: boolean | string[];
};

/**
 * Runs before Fastify and refuses clients without a known key, for a third of what a refusal costs there: a flood of wrong
 * keys takes that much less from those with right ones. The first few in a second go in and are refused inside, with their lines in
 * the log; the others wait for their turn. Whatever else may be wrong with a request is for Fastify to say.
 */
export function createAuthenticationGate(dependencies: AuthenticationGateDependencies) {
  const { keyring, bodyDeadline, drain, log, metrics, trustProxy } = dependencies;
  const guarded = createRouteFinder();
  const accounts = new WeakMap<IncomingMessage, Account>();
  const refusals = createRefusalLog(log);
  // On a proxy's connections, an unauthenticated request that waits would block other clients of the same proxy.
  const throttle = trustProxy === false ? createAuthenticationThrottle() : null;

  function refuse(error: ApiError, request: IncomingMessage, response: ServerResponse): void {
    bodyDeadline.begin(request);
    metrics.refusedRequests.inc({ code: error.code });
    writeError(error, response, { last: drain.leaving });
  }

  return {
    /** Stands before all routes that `app` is given from now on. */
    guard(app: FastifyInstance): void {
      app.addHook("onRoute", ({ method, url }) => guarded.add(method, url));
    },

    /** Refuses a request without a known key. Returns false when the request is for Fastify. */
    turnAway(request: IncomingMessage, response: ServerResponse): boolean {
      const { method = "", url = "", headers } = request;
      if (!guarded.has(method, url) || hostFault(request) !== undefined) return false;
      try {
        accounts.set(request, keyring.authenticate(credentialOf(headers)));
        return false;
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "invalid_api_key" || refusals.takeLine()) return false;
        if (throttle === null) refuse(error, request, response);
        else throttle.wait(request, () => refuse(error, request, response));
        return true;
      }
    },

    /** Who sent a request, looked up once. Throws like the keyring. */
    accountOf: (request: IncomingMessage): Account =>
      accounts.get(request) ?? keyring.authenticate(credentialOf(request.headers)),

    /** Answers who still waits, and logs what is not logged yet. */
    close(): void {
      throttle?.close();
      refusals.close();
    },
  };
}

export type AuthenticationGate = ReturnType<typeof createAuthenticationGate>;

/** An operator sees who knocks, and a flood is not made worse by a line for each of its requests. */
const linesPerSecond = 10;

const everyMs = 1_000;

/** Keeps the log readable, and affordable, while an unauthenticated client tries one key after the other. */
function createRefusalLog(log: Pick<Logger, "warn">) {
  let refused = 0;
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    const untold = refused - linesPerSecond;
    refused = 0;
    if (untold > 0)
      log.warn({ refused: untold }, `${untold} more requests without a known key were refused in a second`);
  }

  return {
    /** Counts a refusal. True if it may have a line of its own: after ten in a second the rest share one, with their number. */
    takeLine(): boolean {
      timer ??= setTimeout(tell, everyMs).unref();
      return ++refused <= linesPerSecond;
    },

    /** Tells what is not told yet. */
    close: tell,
  };
}
