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
 * The last answers and the other closes take some seconds of the deadline, or a fifth of a short one. In the rest of the time callers can
 * still get their images.
 */
const tellingMs = 5_000;
const tellingShare = 0.2;

/** Node closes the connections that are idle when a server closes, and leaves open those that become idle after that. */
const closeIdleEveryMs = 50;

/**
 * Resolves when the event loop has read and accepted all that had arrived. A timer runs before that: what it closes may have a request or a
 * connection waiting, and the client's kernel is told of a reset instead of an answer.
 */
const untilArrivalsAreRead = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Stops serving in steps. First `/readyz` fails, and requests are still accepted until balancers have noticed. Then no new connection is
 * accepted, and waiting callers get their answers; near the deadline those that still wait get a 503. Resolves when the last one is answered.
 */
export async function closeServer({ app, drain, delayMs, deadlineMs }: CloseServerOptions): Promise<void> {
  const waitingMs = deadlineMs - Math.min(tellingMs, deadlineMs * tellingShare);
  const timer = setTimeout(() => drain.dismiss(), waitingMs);
  drain.leave();
  await sleep(delayMs);
  await untilArrivalsAreRead();
  drain.begin();
  const closeIdle = async () => {
    await untilArrivalsAreRead();
    app.server.closeIdleConnections();
  };
  const sweep = setInterval(() => void closeIdle(), closeIdleEveryMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
    clearInterval(sweep);
  }
}
