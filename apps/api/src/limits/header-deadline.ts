import type { Socket } from "node:net";
import type { ConnectionTurns } from "../http/connection-turns.ts";
import { connectionLimits } from "./server-limits.ts";

export type HeaderDeadlineDependencies = {
  turns: Pick<ConnectionTurns, "isBusy" | "handedOver">;
  /** Answers the client that was late, and closes its connection. */
  answer: (socket: Socket) => void;
  /** After how long a connection is looked at again, in milliseconds. */
  againAfterMs?: number;
};

/**
 * Judges a connection whose headers Node holds to be late (`headersTimeout`), and calls `answer` where its client is. Node looks at the clock
 * before it reads what has arrived. A process that was busy for longer than the timeout would refuse a request that lies in the socket's
 * buffer. So the connection is judged when the event loop has read what is there. It has as much time again where something was, and where an
 * earlier request of the connection is under way, whose answer the refusal would break.
 */
export function createHeaderDeadline({
  turns,
  answer,
  againAfterMs = connectionLimits.headersTimeout,
}: HeaderDeadlineDependencies) {
  return (socket: Socket): void => {
    const handedOver = turns.handedOver(socket);
    const look = () => {
      const { bytesRead } = socket;
      // It runs after the event loop has read from all sockets that have something.
      setImmediate(() => {
        if (socket.destroyed || turns.handedOver(socket) !== handedOver) return;
        if (socket.bytesRead === bytesRead && !turns.isBusy(socket)) answer(socket);
        else setTimeout(look, againAfterMs).unref();
      });
    };
    look();
  };
}
