import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { type KnownRoutes, shownPath } from "./known-routes.ts";

/**
 * Makes every route answer the methods it does not have with 405 and `Allow`, before anything of the request is read; or with 404
 * where another route was probably meant. To be called after the last route.
 */
export function refuseOtherMethods(app: FastifyInstance, routes: KnownRoutes): void {
  // As a plugin of its own, so that it runs when those before it have made their routes.
  void app.register(async (last) => {
    for (const [url, methods] of routes.close()) {
      const allow = [...methods].join(", ");
      last.route({
        method: last.supportedMethods.filter((method) => !methods.has(method)),
        url,
        onRequest: async (request, reply) => {
          const elsewhere = routes.misdirected(request);
          if (elsewhere !== undefined) throw elsewhere;
          reply.header("allow", allow);
          const message = `${shownPath(request.url)} does not take ${request.method}. It takes ${allow}.`;
          throw new ApiError("method_not_allowed", message);
        },
        handler: async () => {},
      });
    }
  });
}
