import { parseBody } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { accountOf } from "../http/authenticate.ts";
import { showUsage, type ShowUsageDependencies } from "../usage/show-usage.ts";
import { anyUsageQuerySchema, usageQuerySchema } from "../usage/usage-query.ts";

/** `GET /v1/usage`: what the calling key has used and what that cost; for the admin, what any tenant and key has. */
export function usageRoute(app: FastifyInstance, dependencies: ShowUsageDependencies): void {
  app.get("/v1/usage", async (request, reply) => {
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
