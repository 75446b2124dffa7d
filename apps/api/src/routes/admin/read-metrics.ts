import type { Metrics } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";

export type ReadMetricsDependencies = { metrics: Pick<Metrics, "render" | "contentType"> };

/** `GET /metrics`: what this process has counted, for Prometheus. It tells of all tenants, so it is the admin's. */
export function readMetricsRoute(app: FastifyInstance, { metrics }: ReadMetricsDependencies): void {
  app.get("/metrics", async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type(metrics.contentType)
      .send(await metrics.render()),
  );
}
