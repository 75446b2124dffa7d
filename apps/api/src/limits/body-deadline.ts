import type { IncomingMessage, ServerResponse } from "node:http";
import { answerBrokenRequest } from "../http/answer-error.ts";
import type { FollowRequestDependencies } from "../http/request-facts.ts";
import { bodyLimits } from "./server-limits.ts";

/** How long the answer to a late body has before the connection is cut. If it were cut at once, the answer would be lost. */
const partingMs = 1_000;

/**
 * Limits how long bodies may take to arrive. Node has one limit for a whole server (`requestTimeout`), which must allow uploads. This is the
 * limit for all other bodies, and the least speed of an upload.
 */
export function createBodyDeadline(dependencies: FollowRequestDependencies, limits = bodyLimits) {
  const { wholeMs, upload } = limits;
  const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

  /** `isLate` is asked each time that the time is over; while it says no, there is as much time again. */
  function arm(request: IncomingMessage, afterMs: number, isLate = () => true): void {
    clearTimeout(timers.get(request));
    const timer = setTimeout(() => {
      const { complete, socket } = request;
      if (complete || socket.destroyed) return;
      if (!isLate()) {
        timer.refresh();
        return;
      }
      answerBrokenRequest({ code: "ERR_HTTP_REQUEST_TIMEOUT" }, socket, dependencies);
      setTimeout(() => socket.destroy(), partingMs).unref();
    }, afterMs).unref();
    timers.set(request, timer);
  }

  return {
    /** Gives a request's body `wholeMs` to arrive. After that the request is answered with 408 and its connection is cut. */
    begin(request: IncomingMessage): void {
      const { headers } = request;
      if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) return;
      arm(request, wholeMs);
      request.once("close", () => clearTimeout(timers.get(request)));
    },

    /**
     * Lets the body take as long as it arrives at a least speed, until the answer is sent. After that it has as much time as other bodies.
     */
    allowUpload(request: IncomingMessage, response: ServerResponse): void {
      let received = 0;
      let wasPaused = false;
      request.on("data", (chunk: Buffer) => (received += chunk.length));
      request.on("pause", () => (wasPaused = true));
      arm(request, upload.windowMs, () => {
        const isLate = received < upload.leastBytes && !wasPaused && !request.isPaused();
        received = 0;
        wasPaused = false;
        return isLate;
      });
      response.once("finish", () => request.complete || arm(request, wholeMs));
    },
  };
}

export type BodyDeadline = ReturnType<typeof createBodyDeadline>;
