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

/**
 * Telling those who still wait, and the other closes, take some seconds of the deadline, however long it is; of a short one a fifth. All else
 * is for callers to get their images in.
 */
const tellingMs = 5_000;
const tellingShare = 0.2;

/** Node closes the connections that are idle when a server closes, and leaves open those that become idle after that. */
const closeIdleEveryMs = 50;

/**
 * Stops serving in order: readiness goes first, and requests are accepted until balancers have noticed. Then no connection is taken any
 * more, callers who wait get their answers, and near the deadline those who still wait get a 503. Resolves when the last of them is gone.
 */
export async function closeServer({ app, drain, delayMs, deadlineMs }: CloseServerOptions): Promise<void> {
  const waitingMs = deadlineMs - Math.min(tellingMs, deadlineMs * tellingShare);
  const timer = setTimeout(() => drain.dismiss(), waitingMs);
  drain.leave();
  await sleep(delayMs);
  drain.begin();
  const sweep = setInterval(() => app.server.closeIdleConnections(), closeIdleEveryMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
    clearInterval(sweep);
  }
}
