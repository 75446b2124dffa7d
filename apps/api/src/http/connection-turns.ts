import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * How many requests of a connection may wait for the one before them. Clients pipeline a handful, if any do at all. Node hands over all that
 * it finds in what it has read, up to 3,600 small requests, before it can be paused.
 */
const maxWaiting = 64;

const maxCloseListeners = 20;

/** Node reads on when an earlier request of the same connection is done with. */
function stayPaused(this: Socket): void {
  this.pause();
}

/**
 * Has one request of a connection under way at a time. Node begins all that a client sends without waiting for answers, and each may open a
 * file or begin a wait: one connection took all files of a process. A connection is not read while requests of it wait, and one that has too
 * many waiting is closed after the last of them (RFC 9112 §9.3.2 has clients expect that).
 */
export function createConnectionTurns() {
  /** Those that wait on a connection. It has an entry while a request is under way. */
  const connections = new WeakMap<Socket, (() => void)[]>();
  const handedOver = new WeakMap<Socket, number>();

  function begin(serve: Serve, request: IncomingMessage, response: ServerResponse, waiting: (() => void)[]): void {
    const { socket } = request;
    // Whatever counts or bounds a request listens for its end: more than the ten that Node takes for a leak.
    response.setMaxListeners(maxCloseListeners);
    response.once("close", () => {
      const next = socket.destroyed ? undefined : waiting.shift();
      if (next === undefined) connections.delete(socket);
      else next();
    });
    serve(request, response);
  }

  return {
    /** Whether a request of the connection is under way. */
    isBusy: (socket: Socket): boolean => connections.has(socket),

    /** How many requests Node has handed over on the connection: those whose headers have arrived. */
    handedOver: (socket: Socket): number => handedOver.get(socket) ?? 0,

    /** Returns the handler that calls `serve` when it is the request's turn. */
    inTurn:
      (serve: Serve): Serve =>
      (request, response) => {
        const { socket } = request;
        handedOver.set(socket, (handedOver.get(socket) ?? 0) + 1);
        const waiting = connections.get(socket);
        if (waiting === undefined) {
          const none: (() => void)[] = [];
          connections.set(socket, none);
          begin(serve, request, response, none);
          return;
        }
        // What comes after the last that may wait is not answered: the answer to that one closes the connection.
        if (waiting.length >= maxWaiting) return;
        if (waiting.length === 0) socket.on("resume", stayPaused).pause();
        if (waiting.length === maxWaiting - 1) response.shouldKeepAlive = false;
        waiting.push(() => {
          begin(serve, request, response, waiting);
          // Not before: a client that has sent its last request, and closed its side, is answered only until that is read.
          if (waiting.length === 0) socket.off("resume", stayPaused).resume();
        });
      },
  };
}

export type ConnectionTurns = ReturnType<typeof createConnectionTurns>;
