import { connect } from "node:net";

/**
 * Sends one inline command to a Redis and returns the raw reply, or undefined when there is no answer.
 * Enough to ask whether it is there; everything else goes through a real client.
 */
export function redisAnswer(target: { host: string; port: number }, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const finish = (reply?: string) => {
      socket.destroy();
      resolve(reply);
    };
    // A local server answers in well under this, and one that hangs must not hang us.
    socket.setTimeout(1_000, () => finish());
    socket.once("error", () => finish());
    socket.once("close", () => finish());
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.once("data", (chunk) => finish(chunk.toString()));
  });
}
