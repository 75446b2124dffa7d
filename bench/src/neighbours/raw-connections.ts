import { connect, type Socket } from "node:net";
import type { NeighbourStack } from "./neighbour.ts";

/** Before a connection that the service has closed is opened again, in milliseconds. */
const againAfterMs = 1_000;

/**
 * Keeps so many raw connections to the api open, each of which sends `bytes` and never reads an answer. One that the service closes is
 * opened again. Resolves with the function that ends it when all are open. Nothing is read, so this costs the bench's process little.
 */
export async function holdUnread(
  { measured, tell }: Pick<NeighbourStack, "measured" | "tell">,
  bytes: string,
  connections: number,
): Promise<() => Promise<void>> {
  const { hostname, port } = new URL(measured.origin);
  const open = new Set<Socket>();
  let ended = false;
  let closed = 0;

  function hold(): void {
    if (ended) return;
    const socket = connect(Number(port), hostname);
    open.add(socket);
    // The service closes connections that take too much: that is what is measured.
    socket.on("error", () => {}).pause();
    socket.write(bytes);
    socket.once("close", () => {
      open.delete(socket);
      closed++;
      setTimeout(hold, againAfterMs).unref();
    });
  }
  for (let i = 0; i < connections; i++) hold();

  return async () => {
    ended = true;
    tell(`${open.size} connections are open, ${closed} were closed by the service`);
    for (const socket of open) socket.destroy();
  };
}
