import { once } from "node:events";
import type { Server } from "node:net";

/** The port of a server that was told to listen on port 0, once it listens. */
export async function listeningPort(server: Server): Promise<number> {
  if (!server.listening) await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server listens on no TCP port.");
  return address.port;
}
