import { once } from "node:events";
import { createServer } from "node:http";
import type { Metrics } from "@darkroom/runtime";

export type HealthServerOptions = {
  host: string;
  /** 0 = any free port. */
  port: number;
  /** What keeps jobs from being taken, as sentences; empty when they are taken. */
  whyNotReady: () => Promise<string[]>;
  /** What is wrong, as sentences; empty when all is well. Liveness is progress: a worker that fetches nothing while jobs wait is ill. */
  findFaults: () => Promise<string[]>;
  metrics: Pick<Metrics, "render" | "contentType">;
};

/** Answers `/readyz` and `/healthz` with 200, or 503 and what is wrong, and `/metrics` with the counters of this process. */
export async function startHealthServer({ host, port, whyNotReady, findFaults, metrics }: HealthServerOptions) {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.url === "/readyz") {
      whyNotReady().then(
        (faults) => answer(faults.length === 0 ? 200 : 503, { ready: faults.length === 0, faults }),
        () => answer(503, { ready: false, faults: ["Whether jobs are taken cannot be found out."] }),
      );
    } else if (request.url === "/healthz") {
      findFaults().then(
        (faults) => answer(faults.length === 0 ? 200 : 503, { healthy: faults.length === 0, faults }),
        // Redis is away: no reason to restart a worker that waits for its return with paid work in hand.
        () => answer(200, { healthy: true, faults: [] }),
      );
    } else if (request.url === "/metrics") {
      metrics.render().then(
        (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
        () => answer(500, { error: "The metrics could not be read." }),
      );
    } else answer(404, { error: "Only /healthz, /readyz and /metrics are served here." });
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  return {
    // Only a server on a pipe has a string for an address.
    port: typeof address === "object" ? (address?.port ?? port) : port,
    async close(): Promise<void> {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
