import { connect } from "node:net";

export type RedisTarget = {
  host: string;
  port: number;
  /** Undefined for one that wants none. */
  password?: string | undefined;
};

/**
 * Sends one inline command to a Redis and returns the raw reply, or undefined when there is no answer. A Redis that takes no password
 * answers all the same. Enough to ask whether it is there; everything else goes through a real client.
 */
export function redisAnswer({ host, port, password }: RedisTarget, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (reply?: string) => {
      socket.destroy();
      resolve(reply);
    };
    const send = (line: string) => void socket.write(`${line}\r\n`);
    const ask = () => {
      socket.once("data", (chunk) => finish(chunk.toString()));
      send(command);
    };
    // A local server answers in well under this, and one that hangs must not hang us.
    socket.setTimeout(1_000, () => finish());
    socket.once("error", () => finish());
    socket.once("close", () => finish());
    socket.once("connect", () => {
      if (password === undefined) return ask();
      socket.once("data", ask);
      send(`AUTH ${password}`);
    });
  });
}
