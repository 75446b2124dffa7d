import { once } from "node:events";
import { createServer } from "node:net";
import { listeningPort } from "./listening-port.ts";

/**
 * A loopback port that nothing listens on, for a child process that must be told its port. Another process may take it before the
 * child does, so the caller retries on "address in use". In our own process listen on port 0 instead.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  server.close();
  await once(server, "close");
  return port;
}
