import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { listeningPort } from "./listening-port.ts";

export type TcpProxy = {
  port: number;
  /** The target's URL with the proxy's own host and port in it. */
  url: string;
  /** Breaks every connection, and every new one until `restore()`: the server died. */
  cut: () => void;
  /** Holds every byte in both directions, closing nothing: the network went dark. What was held arrives after `restore()`. */
  blackhole: () => void;
  restore: () => void;
  /** Breaks what is open and frees the port. */
  close: () => Promise<void>;
};

/** Stands between a client and a server (`redis://…`, `http://…`) so that a test can break the line between them. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const url = new URL(target);
  const targetPort = Number(url.port || (url.protocol === "redis:" ? 6379 : 80));
  const lines = new Set<Line>();
  let state: "open" | "cut" | "dark" = "open";

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (state === "cut") {
      client.destroy();
      return;
    }
    const upstream = connect({ host: url.hostname, port: targetPort, allowHalfOpen: true });
    const line = joinSockets(client, upstream, () => lines.delete(line));
    lines.add(line);
    if (state === "open") line.flow();
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  const breakAll = () => lines.forEach((line) => line.break());
  url.host = `127.0.0.1:${port}`;

  return {
    port,
    url: url.href.replace(/\/$/, target.endsWith("/") ? "/" : ""),
    cut: () => {
      state = "cut";
      breakAll();
    },
    blackhole: () => {
      state = "dark";
      lines.forEach((line) => line.hold());
    },
    restore: () => {
      state = "open";
      lines.forEach((line) => line.flow());
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      breakAll();
      await closed;
    },
  };
}

type Line = { flow: () => void; hold: () => void; break: () => void };

function joinSockets(client: Socket, upstream: Socket, onClosed: () => void): Line {
  const pairs = [
    [client, upstream],
    [upstream, client],
  ] as const;
  for (const [from, to] of pairs) {
    // An error is passed on as a broken line; "close" follows it.
    from.on("error", () => to.destroy());
    from.on("close", () => {
      to.destroySoon();
      onClosed();
    });
  }
  return {
    flow: () => pairs.forEach(([from, to]) => from.pipe(to)),
    hold: () => pairs.forEach(([from, to]) => from.unpipe(to).pause()),
    break: () => pairs.forEach(([from]) => from.destroy()),
  };
}
