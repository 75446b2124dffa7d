import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { listeningPort } from "./listening-port.ts";

export type LossyRedis = {
  /** The URL of the Redis, with the proxy's own host and port in it. */
  url: string;
  /**
   * Loses the answer to the next command of which one word contains `text`: Redis carries the command out, then the connection breaks.
   * Resolves when the connection is broken. Commands that wait for an answer on the same connection lose theirs, too.
   */
  loseAnswer: (text: string) => Promise<void>;
  /** Breaks what is open and frees the port. */
  close: () => Promise<void>;
};

type Loss = { text: string; done: () => void };

/** Stands between a client and a Redis without TLS, and loses answers: the client cannot know whether its command was carried out. */
export async function startLossyRedis(target: string): Promise<LossyRedis> {
  const url = new URL(target);
  const targetPort = Number(url.port || 6379);
  const losses: Loss[] = [];
  const sockets = new Set<Socket>();

  const server = createServer((client) => {
    const upstream = connect({ host: url.hostname, port: targetPort });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      // "close" follows an error.
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    upstream.pipe(client);
    forwardCommands(client, upstream, (words) => {
      const at = losses.findIndex(({ text }) => words.some((word) => word.includes(text)));
      const [loss] = at < 0 ? [] : losses.splice(at, 1);
      if (loss === undefined) return false;
      upstream.unpipe(client).resume();
      client.once("close", loss.done);
      return true;
    });
  });
  url.host = `127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}`;

  return {
    url: url.href,
    loseAnswer: (text) => new Promise((done) => losses.push({ text, done })),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * Forwards whole commands. After one of which `isLast` is true the connection to Redis is ended: Redis carries out what it has received
 * before it notices that, and then closes the connection itself.
 */
function forwardCommands(client: Socket, upstream: Socket, isLast: (words: readonly string[]) => boolean): void {
  let received = Buffer.alloc(0);
  let over = false;
  client.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    for (let command = readCommand(received); command !== null && !over; command = readCommand(received)) {
      upstream.write(received.subarray(0, command.length));
      received = received.subarray(command.length);
      over = isLast(command.words);
      if (over) upstream.end();
    }
  });
}

/** The first command in what a client sent, an array of strings in RESP, and how many bytes it takes; null where it is not complete. */
function readCommand(bytes: Buffer): { words: string[]; length: number } | null {
  let at = 0;
  const readNumber = (): number | null => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return null;
    // Past the `*` or `$` that says what is counted.
    const number = Number(bytes.toString("latin1", at + 1, end));
    at = end + 2;
    return number;
  };
  const count = readNumber();
  if (count === null) return null;
  const words: string[] = [];
  while (words.length < count) {
    const length = readNumber();
    if (length === null || at + length + 2 > bytes.length) return null;
    words.push(bytes.toString("utf8", at, at + length));
    at += length + 2;
  }
  return { words, length: at };
}
