import type { FastifyInstance } from "fastify";

/** Azure's clients send `api-version` with every request, and routes refuse what they do not know of a query. There is one version here. */
export function ignoreApiVersion(app: FastifyInstance): void {
  app.addHook("preValidation", async ({ query }) => {
    if (typeof query === "object" && query !== null) Reflect.deleteProperty(query, "api-version");
  });
}
