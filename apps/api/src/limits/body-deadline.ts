import type { IncomingMessage, ServerResponse } from "node:http";
import { answerBrokenRequest } from "../http/answer-error.ts";
import type { FollowRequestDependencies } from "../http/request-facts.ts";
import { bodyLimits } from "./server-limits.ts";

/** How long the answer to a late body has before the connection is cut. If it were cut at once, the answer would be lost. */
const partingMs = 1_000;

/**
 * Limits how long bodies may take to arrive. Node has one limit for a whole server (`requestTimeout`), which must allow uploads. This is the
 * limit for all other bodies, and for the gaps within an upload.
 */
export function createBodyDeadline(dependencies: FollowRequestDependencies, limits = bodyLimits) {
  const { wholeMs, uploadSilenceMs } = limits;
  const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

  function arm(request: IncomingMessage, afterMs: number): NodeJS.Timeout {
    clearTimeout(timers.get(request));
    const timer = setTimeout(() => {
      const { complete, socket } = request;
      if (complete || socket.destroyed) return;
      answerBrokenRequest({ code: "ERR_HTTP_REQUEST_TIMEOUT" }, socket, dependencies);
      setTimeout(() => socket.destroy(), partingMs).unref();
    }, afterMs).unref();
    timers.set(request, timer);
    return timer;
  }

  return {
    /** Gives a request's body `wholeMs` to arrive. After that the request is answered with 408 and its connection is cut. */
    begin(request: IncomingMessage): void {
      const { headers } = request;
      if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) return;
      arm(request, wholeMs);
      request.once("close", () => clearTimeout(timers.get(request)));
    },

    /** Lets the body take as long as bytes arrive, until the answer is sent. After that it has as much time as other bodies. */
    allowUpload(request: IncomingMessage, response: ServerResponse): void {
      const timer = arm(request, uploadSilenceMs);
      request.on("data", () => timer.refresh());
      response.once("finish", () => request.complete || arm(request, wholeMs));
    },
  };
}

export type BodyDeadline = ReturnType<typeof createBodyDeadline>;
