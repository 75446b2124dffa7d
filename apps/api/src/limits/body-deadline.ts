import type { IncomingMessage, ServerResponse } from "node:http";
import { answerBrokenRequest, requestTimeoutCode } from "../http/answer-error.ts";
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

  /**
   * `isLate` is asked each time that the time is over; while it says no, there is as much time again. Timers run before the event loop reads
   * what has arrived, so a process that was busy looks at that first: the rest of the body may lie in the socket's buffer. A body of
   * which some did has as much time again, once.
   */
  function arm(request: IncomingMessage, afterMs: number, isLate = () => true): void {
    clearTimeout(timers.get(request));
    let hadMoreTime = false;
    const judge = (readBefore: number) => {
      const { complete, socket } = request;
      // Another deadline may have taken the place of this one meanwhile.
      if (complete || socket.destroyed || timers.get(request) !== timer) return;
      const late = isLate();
      if (!late || (!hadMoreTime && socket.bytesRead > readBefore)) {
        hadMoreTime ||= late;
        timer.refresh();
        return;
      }
      answerBrokenRequest({ code: requestTimeoutCode }, socket, dependencies);
      setTimeout(() => socket.destroy(), partingMs).unref();
    };
    const timer = setTimeout(() => {
      const { bytesRead } = request.socket;
      setImmediate(() => judge(bytesRead));
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
