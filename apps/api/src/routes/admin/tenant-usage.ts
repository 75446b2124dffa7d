import { labelSchema, parseBody } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { showUsage, type ShowUsageDependencies } from "../../usage/show-usage.ts";
import { tenantUsageQuerySchema } from "../../usage/usage-query.ts";

const paramsSchema = z.object({ tenant: labelSchema });

/** `GET /admin/tenants/{tenant}/usage`: what a tenant has used and what that cost. */
export function tenantUsageRoute(app: FastifyInstance, dependencies: ShowUsageDependencies): void {
  app.get("/admin/tenants/:tenant/usage", async (request, reply) => {
    const { tenant } = parseBody(paramsSchema, request.params);
    const { key, ...query } = parseBody(tenantUsageQuerySchema, request.query);
    return showUsage(reply, dependencies, query, { tenant, keyId: key, forAdmin: true });
  });
}
