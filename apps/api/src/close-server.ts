import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { Drain } from "./drain.ts";

export type CloseServerOptions = {
  app: FastifyInstance;
  drain: Drain;
  /** For how long new requests are accepted while the process is not ready any more. A part of `deadlineMs`. */
  delayMs: number;
  /** How long all of it may take, in milliseconds. */
  deadlineMs: number;
};

/** Of the deadline, what callers may go on waiting for; the rest is for telling them so, and for the other closes. */
const waitingShare = 0.8;

/** Node closes the connections that are idle when a server closes, and leaves open those that become idle after that. */
const closeIdleEveryMs = 50;

/**
 * Stops serving in order: readiness goes first, and requests are accepted until balancers have noticed. Then no connection is taken any
 * more, callers who wait get their answers, and near the deadline those who still wait get a 503. Resolves when the last of them is gone.
 */
export async function closeServer({ app, drain, delayMs, deadlineMs }: CloseServerOptions): Promise<void> {
  const timer = setTimeout(() => drain.dismiss(), deadlineMs * waitingShare);
  drain.leave();
  await sleep(delayMs);
  drain.begin();
  const sweep = setInterval(() => app.server.closeIdleConnections(), closeIdleEveryMs);
  await app.close();
  clearTimeout(timer);
  clearInterval(sweep);
}
