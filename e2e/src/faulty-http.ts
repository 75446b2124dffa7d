import { createServer, request as httpRequest } from "node:http";
import { once } from "node:events";
import { listeningPort } from "@darkroom/testing";

/** What a server answers in place of the one behind it: a status and a body, nothing at all, or a closed connection. */
export type HttpFault = { status: number; body: string } | "silence" | "hang up";

/** Passes requests on as they are, until it is told to answer otherwise. The `Host` header is kept: signatures are made over it. */
export async function startFaultyHttp(target: string) {
  const { hostname, port } = new URL(target);
  let fault: HttpFault | null = null;
  let refused = 0;
  const server = createServer((request, response) => {
    if (fault !== null) refused++;
    if (fault !== null) {
      if (fault === "hang up") request.destroy();
      else request.resume();
      if (typeof fault === "string") return;
      const { status, body } = fault;
      request.once("end", () => response.writeHead(status).end(body));
      return;
    }
    const { method, url: path, headers } = request;
    const onward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.on("error", () => onward.destroy()).pipe(onward);
  });
  const own = await listeningPort(server.listen(0, "127.0.0.1"));
  return {
    port: own,
    /** How many requests were answered with a fault. */
    refused: () => refused,
    answerWith(next: HttpFault | null): void {
      fault = next;
      // Connections that are kept alive would outlive a name that resolves no more.
      server.closeIdleConnections();
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
