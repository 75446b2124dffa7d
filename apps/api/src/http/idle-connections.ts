import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Drain } from "../drain.ts";
import type { ConnectionTurns } from "./connection-turns.ts";

/**
 * How long a connection that was in use during the shutdown must be silent before it is closed, in milliseconds. A client that has just
 * connected, or that sends a request in parts, sends the next bytes within that.
 */
const silentMs = 1_000;

/** Since when nothing has arrived on a connection, by `performance.now()`, and how many bytes had arrived by then. */
type Silence = { sinceMs: number; bytesRead: number };

export type CloseOnlyIdleOptions = {
  turns: Pick<ConnectionTurns, "isBusy">;
  drain: Pick<Drain, "leftAtMs" | "dismissed">;
};

/**
 * Has `server.closeIdleConnections`, which Node and Fastify call while a server closes, close only connections on which nothing is lost.
 * Node's own closes a connection whose answer was ended and is not yet with the kernel, and cuts the answer. It also closes a connection
 * that a client is about to use. This one closes a connection when no request is under way, no byte of an answer is due, and nothing has
 * arrived since before the shutdown, or for a second. To be called before the server listens.
 */
export function closeOnlyIdle(server: Server, { turns, drain }: CloseOnlyIdleOptions): void {
  const connections = new Map<Socket, Silence>();
  const note = (socket: Socket) => {
    if (!socket.destroyed) connections.set(socket, { sinceMs: performance.now(), bytesRead: socket.bytesRead });
  };
  server.on("connection", (socket: Socket) => {
    note(socket);
    socket.once("close", () => connections.delete(socket));
  });
  server.on("request", ({ socket }: { socket: Socket }, response: ServerResponse) => {
    response.once("close", () => note(socket));
  });

  server.closeIdleConnections = () => {
    const nowMs = performance.now();
    for (const [socket, { sinceMs, bytesRead }] of connections) {
      if (turns.isBusy(socket) || socket.writableLength > 0) continue;
      if (drain.dismissed) socket.destroy();
      // A part of a request has arrived.
      else if (socket.bytesRead !== bytesRead) note(socket);
      else if (sinceMs < drain.leftAtMs || nowMs - sinceMs >= silentMs) socket.destroy();
    }
  };
}
