import { randomUUID } from "node:crypto";
import { isIP } from "node:net";
import type { Account, RateLimitUse } from "@darkroom/accounts";
import { networkOf } from "@darkroom/outbound";
import type { Logger, Metrics } from "@darkroom/runtime";
import type { Span } from "@darkroom/tracing";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type KnownRoutes, pathOf } from "./known-routes.ts";
import type { UnauthenticatedLog } from "./unauthenticated-log.ts";

/** The facts about a request that are logged in its line. */
type RequestFacts = {
  /** By the clock of `performance`, in milliseconds. */
  startedAtMs: number;
  account?: Account;
  /** Whether the admin key was sent, on a route that takes it. */
  admin?: boolean;
  model?: string;
  generationId?: string;
  batchId?: string;
  errorCode?: string;
  /** What a list has read for its page, in bytes. */
  readBytes?: number;
  /** The length of a body that was read to be parsed. */
  bodyBytes?: number;
  /** What its key had used of the limits of generations, when it was admitted or refused by them. */
  rateLimitUse?: RateLimitUse;
  /** Whether it was refused for the number of its key's requests, or of their refused bytes. */
  isRateLimited?: boolean;
  /** Its span, where requests are traced. */
  span?: Span;
};

declare module "fastify" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- only an interface can be added to
  interface FastifyRequest {
    facts: RequestFacts;
  }
}

export const newRequestId = (): string => `req_${randomUUID().replaceAll("-", "")}`;

/** Probes come every few seconds for ever. */
const probes = new Set(["/healthz", "/readyz"]);

export type FollowRequestDependencies = {
  log: Logger;
  metrics: Pick<Metrics, "refusedRequests" | "httpDuration">;
  unauthenticatedLog: Pick<UnauthenticatedLog, "takeLine">;
};

/**
 * Follows a request: its answer gets the id, and when the answer is sent or the client has disconnected, the request is counted if it was
 * refused, and logged in one line. A request without an account is logged only as often as `unauthenticatedLog` allows.
 */
export function followRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  { log, metrics, unauthenticatedLog, routes }: FollowRequestDependencies & { routes: Pick<KnownRoutes, "words"> },
): void {
  request.facts = { startedAtMs: performance.now() };
  reply.header("x-request-id", request.id);

  reply.raw.once("close", () => {
    const {
      account,
      startedAtMs,
      rateLimitUse: _told,
      isRateLimited: _refused,
      bodyBytes: _read,
      span,
      ...facts
    } = request.facts;
    if (facts.errorCode !== undefined) metrics.refusedRequests.inc({ code: facts.errorCode });
    const answered = reply.raw.writableFinished;
    // 499 is what nginx writes for a caller who left.
    const status = answered ? reply.raw.statusCode : 499;
    const durationMs = performance.now() - startedAtMs;
    metrics.httpDuration.observe({ ...routeLabels(request), status }, durationMs / 1_000);
    const level = probes.has(pathOf(request.url)) ? "debug" : status >= 500 ? "warn" : "info";
    if (account === undefined && facts.admin !== true && level !== "debug") {
      if (!unauthenticatedLog.takeLine(request.raw, { refused: status >= 400 })) return;
    }
    const fields = {
      requestId: request.id,
      clientRequestId: request.headers["x-client-request-id"]?.slice(0, 512),
      tenant: account?.tenant,
      keyId: account?.keyId,
      ...facts,
      ...span?.logFields,
      ip: clientAddress(request),
      status,
      durationMs: Math.round(durationMs),
    };
    const end = answered ? `was answered with ${status}` : "was cut off before its answer was complete";
    log[level](fields, `${request.method} ${loggablePath(request.url, routes.words)} ${end}`);
  });
}

/** The route of a request as the metrics name it. What no route takes is one, because its path and method are the client's own. */
function routeLabels({ method, is404, routeOptions: { url } }: FastifyRequest) {
  return is404 || url === undefined ? { method: "(any)", route: "(none)" } : { method, route: url };
}

/**
 * The address of a caller, for the log. `X-Forwarded-For` is text that a proxy passes on, and some proxies write a port behind the
 * address. Where it holds no address, that of the connection is told.
 */
export function clientAddress({ ip, socket }: Pick<FastifyRequest, "ip" | "socket">): string | undefined {
  const bare = /^\[?([\da-fA-F.:]+?)\]?(?::\d{1,5})?$/.exec(ip)?.[1] ?? "";
  return [ip, bare].find((candidate) => isIP(candidate) !== 0) ?? socket.remoteAddress;
}

/** What a caller is limited by where it has no key. */
export const clientNetwork = (request: Pick<FastifyRequest, "ip" | "socket">): string =>
  networkOf(clientAddress(request) ?? "");

/** Ids that are made here: generations, batches, files, webhook deliveries, keys. */
const ownId = /^(?:gen_|batch_|file-|msg_)[0-9a-hjkmnp-tv-z]{26}(?:_\d{1,6})?$|^key_[0-9a-f]{12}(?:[0-9a-f]{12})?$/;

/** More than any route has. */
const maxSegments = 8;

/**
 * The path of a request for the log: the segments of our routes and ids that were created here, and `…` for all other text, which is the
 * caller's own and may contain a key of any form. `words`: the segments of routes.
 */
export function loggablePath(url: string, words: ReadonlySet<string>): string {
  const [, ...segments] = pathOf(url).split("/", maxSegments + 2);
  const shown = segments.slice(0, maxSegments).map((segment) => (isShown(segment, words) ? segment : "…"));
  return `/${shown.join("/")}${segments.length > maxSegments ? "/…" : ""}`;
}

const isShown = (segment: string, words: ReadonlySet<string>): boolean =>
  segment === "" || words.has(segment) || ownId.test(segment);
