import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { Readiness } from "../readiness.ts";

export type HealthDependencies = { readiness: Readiness };

/** `GET /healthz`: the process is alive. `GET /readyz`: it can serve, or which part keeps it from serving. */
export function healthRoutes(app: FastifyInstance, { readiness }: HealthDependencies): void {
  app.get("/healthz", async () => ({ status: "ok" }));

  app.get("/readyz", async () => {
    const faults = await readiness();
    if (faults.length > 0) throw new ApiError("overloaded", faults.join(" "), { retryAfterMs: 1_000 });
    return { status: "ready" };
  });
}
