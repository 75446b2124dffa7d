import { parseBody, labelSchema } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { accountOf } from "../http/authenticate.ts";
import type { ReadTurns } from "../limits/read-turns.ts";
import { showUsage, type ShowUsageDependencies } from "../usage/show-usage.ts";
import { anyUsageQuerySchema, usageQuerySchema, tenantUsageQuerySchema } from "../usage/usage-query.ts";

/** `GET /v1/usage`: what the calling key has used and what that cost; for the admin, what any tenant and key has. */
export function usageRoute(
  app: FastifyInstance,
  { readTurns, ...dependencies }: ShowUsageDependencies & { readTurns: ReadTurns },
): void {
  app.get("/v1/usage", readTurns, async (request, reply) => {
    if (request.facts.admin === true) {
      const { tenant, key, ...query } = parseBody(anyUsageQuerySchema, request.query);
      return showUsage(reply, dependencies, query, { tenant, keyId: key, forAdmin: true });
    }
    const { tenant, keyId } = accountOf(request);
    return showUsage(reply, dependencies, parseBody(usageQuerySchema, request.query), {
      tenant,
      keyId,
      forAdmin: false,
    });
  });
}

const paramsSchema = z.object({ tenant: labelSchema });

/** `GET /admin/tenants/{tenant}/usage`: what a tenant has used and what that cost. */
export function tenantUsageRoute(app: FastifyInstance, dependencies: ShowUsageDependencies): void {
  app.get("/admin/tenants/:tenant/usage", async (request, reply) => {
    const { tenant } = parseBody(paramsSchema, request.params);
    const { key, ...query } = parseBody(tenantUsageQuerySchema, request.query);
    return showUsage(reply, dependencies, query, { tenant, keyId: key, forAdmin: true });
  });
}
