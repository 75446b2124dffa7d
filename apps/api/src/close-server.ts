import type { FastifyInstance } from "fastify";
import type { Drain } from "./drain.ts";

export type CloseServerOptions = { app: FastifyInstance; drain: Drain; deadlineMs: number };

/** Of the deadline, what callers may go on waiting for; the rest is for telling them so, and for the other closes. */
const waitingShare = 0.8;

/** Node closes the connections that are idle when a server closes, and leaves open those that become idle after that. */
const closeIdleEveryMs = 50;

/**
 * Stops serving in order: readiness goes first, then no connection is taken any more, callers who wait get their answers, and near
 * the deadline those who still wait get a 503. Resolves when the last of them is gone.
 */
export async function closeServer({ app, drain, deadlineMs }: CloseServerOptions): Promise<void> {
  drain.begin();
  const timer = setTimeout(() => drain.dismiss(), deadlineMs * waitingShare);
  const sweep = setInterval(() => app.server.closeIdleConnections(), closeIdleEveryMs);
  await app.close();
  clearTimeout(timer);
  clearInterval(sweep);
}
