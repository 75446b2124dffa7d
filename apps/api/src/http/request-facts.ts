import { randomUUID } from "node:crypto";
import type { Account } from "@darkroom/accounts";
import type { Logger, Metrics } from "@darkroom/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { clientAddress } from "./client-address.ts";
import { type KnownRoutes, pathOf } from "./known-routes.ts";
import { loggablePath } from "./loggable-path.ts";

/** What becomes known of a request while it is served, for the line that is logged about it. */
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

export type FollowRequestDependencies = { log: Logger; metrics: Pick<Metrics, "refusedRequests"> };

/**
 * Begins to follow a request: it gets its id on the answer, and when the answer is out or the caller has gone, it is counted if it was
 * refused and has one line in the log.
 */
export function followRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  { log, metrics, routes }: FollowRequestDependencies & { routes: Pick<KnownRoutes, "words"> },
): void {
  request.facts = { startedAtMs: performance.now() };
  reply.header("x-request-id", request.id);

  reply.raw.once("close", () => {
    const { account, startedAtMs, ...facts } = request.facts;
    if (facts.errorCode !== undefined) metrics.refusedRequests.inc({ code: facts.errorCode });
    const answered = reply.raw.writableFinished;
    // 499 is what nginx writes for a caller who left.
    const status = answered ? reply.raw.statusCode : 499;
    const fields = {
      requestId: request.id,
      clientRequestId: request.headers["x-client-request-id"]?.slice(0, 512),
      tenant: account?.tenant,
      keyId: account?.keyId,
      ...facts,
      ip: clientAddress(request),
      status,
      durationMs: Math.round(performance.now() - startedAtMs),
    };
    const level = probes.has(pathOf(request.url)) ? "debug" : status >= 500 ? "warn" : "info";
    const end = answered ? `was answered with ${status}` : "was cut off before its answer was complete";
    log[level](fields, `${request.method} ${loggablePath(request.url, routes.words)} ${end}`);
  });
}
