import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

export type AuthenticationThrottleLimits = { perTurn: number; turnMs: number; most: number };

/**
 * At most 1,000 refusals a second, which take a sixteenth of a core, in batches short enough not to delay other requests. A thousand throttled
 * clients get their answer within a second. They hold as many open files, so more would use up connections instead of CPU time.
 */
const standard: AuthenticationThrottleLimits = { perTurn: 5, turnMs: 5, most: 1_000 };

/** Node resumes reading when an earlier request of the same connection is done. */
function stayPaused(this: Socket): void {
  this.pause();
}

type Guest = { request: IncomingMessage; answer: () => void };

/**
 * Throttles the refusals of unauthenticated clients during a flood. Their connections are not read during the delay, so a client that waits for
 * one answer before its next try, or that pipelines many, gets only as many tries as we have time for. When it is full, refusals are not
 * delayed.
 */
export function createAuthenticationThrottle({ perTurn, turnMs, most }: AuthenticationThrottleLimits = standard) {
  const guests: Guest[] = [];
  /** How many throttled requests came on one connection: more than one where a client pipelines. */
  const together = new WeakMap<Socket, number>();
  let timer: NodeJS.Timeout | undefined;

  function release({ request: { socket }, answer }: Guest): void {
    const others = (together.get(socket) ?? 1) - 1;
    together.set(socket, others);
    if (others === 0) socket.off("resume", stayPaused).resume();
    answer();
  }

  function turn(): void {
    for (const guest of guests.splice(0, perTurn)) release(guest);
    if (guests.length > 0) timer?.refresh();
    else timer = undefined;
  }

  return {
    /** Calls `answer` at its turn, or at once where too many wait. */
    wait(request: IncomingMessage, answer: () => void): void {
      if (guests.length >= most) return answer();
      const { socket } = request;
      const earlier = together.get(socket) ?? 0;
      together.set(socket, earlier + 1);
      if (earlier === 0) socket.on("resume", stayPaused).pause();
      guests.push({ request, answer });
      // The timer does not keep the process alive; an open connection does.
      timer ??= setTimeout(turn, turnMs).unref();
    },

    /** Answers all waiting requests now. */
    close(): void {
      clearTimeout(timer);
      timer = undefined;
      for (const guest of guests.splice(0)) release(guest);
    },
  };
}
