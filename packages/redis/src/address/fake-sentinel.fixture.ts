import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { listeningPort } from "@darkroom/testing";

/** Takes the first command off what was received: its words, and the rest. Null where it is not whole. */
function takeCommand(text: string): [words: string[], rest: string] | null {
  const [, count, tail = ""] = /^\*(\d+)\r\n([^]*)$/.exec(text) ?? [];
  let rest = tail;
  const words: string[] = [];
  for (let i = 0; i < Number(count); i++) {
    const [, word, after] = /^\$\d+\r\n([^\r]*)\r\n([^]*)$/.exec(rest) ?? [];
    if (word === undefined || after === undefined) return null;
    words.push(word);
    rest = after;
  }
  return words.length > 0 ? [words, rest] : null;
}

const bulk = (...words: readonly string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;

/**
 * Answers as a Sentinel that knows one primary, by RESP2, and does two things at the time that a test chooses: it answers where the primary
 * is, and it tells of a failover.
 */
export async function startFakeSentinel(primary: { port: number }) {
  const open = new Set<Socket>();
  const subscribed = new Set<Socket>();
  let held = Promise.resolve();
  let onAsked: (() => void) | undefined;
  let onSubscribed: (() => void) | undefined;

  async function reply(socket: Socket, [name = "", what = ""]: readonly string[]): Promise<string> {
    switch (`${name} ${what}`.toLowerCase()) {
      case "sentinel get-master-addr-by-name":
        onAsked?.();
        await held;
        return bulk("127.0.0.1", String(primary.port));
      case "sentinel sentinels":
        return "*0\r\n";
      case "subscribe +switch-master":
        subscribed.add(socket);
        onSubscribed?.();
        return `*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n`;
      default:
        return name.toLowerCase() === "hello" ? "-ERR unknown command 'HELLO'\r\n" : "+OK\r\n";
    }
  }

  const server = createServer((socket) => {
    let received = "";
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => void (open.delete(socket) && subscribed.delete(socket)));
    socket.on("data", (chunk) => {
      received += String(chunk);
      for (let command = takeCommand(received); command !== null; command = takeCommand(received)) {
        const [words, rest] = command;
        received = rest;
        void reply(socket, words).then((answer) => socket.writable && socket.write(answer));
      }
    });
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));

  return {
    port,
    /** Resolves when a connection listens for failovers. */
    async untilSubscribed(): Promise<void> {
      while (subscribed.size === 0) await new Promise<void>((resolve) => (onSubscribed = resolve));
    },
    /** Holds back where the primary is. `asked` resolves with the next question, and `answer` answers it. */
    hold() {
      const { promise, resolve: answer } = Promise.withResolvers<void>();
      held = promise;
      const asked = new Promise<void>((resolve) => (onAsked = resolve));
      return { asked, answer };
    },
    /** Tells all that listen of a failover. Resolves when they have heard: each gives up its connection then. */
    tellFailover: async (): Promise<void> => {
      const heard = [...subscribed].map((socket) => once(socket, "close"));
      for (const socket of subscribed) socket.write(bulk("message", "+switch-master", "watched"));
      await Promise.all(heard);
    },
    close: async (): Promise<void> => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
