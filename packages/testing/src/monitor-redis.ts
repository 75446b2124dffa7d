import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** What Redis was sent: the words of a command, and whether a script called it. */
export type MonitoredCommand = { words: string[]; byScript: boolean };

/**
 * Watches every command that a Redis is sent, from now on. By a plain socket: the monitor of ioredis takes a line of MONITOR for the
 * answer to its own handshake when Redis is busy, and throws. For servers without a password.
 */
export async function monitorRedis(url: string, onCommand: (command: MonitoredCommand) => void) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const lines = createInterface({ input: socket });
  socket.write("MONITOR\r\n");
  await once(lines, "line");
  lines.on("line", (line) => {
    const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
    onCommand({ words, byScript: line.includes(" lua] ") });
  });
  return { close: (): void => void socket.destroy() };
}
