import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";

/**
 * Makes every route that follows answer the methods it does not have with 405 and `Allow`, before anything of the request is read.
 * Returns the function to call after the last route.
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set();
    methodsOf.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });

  return () => {
    // As a plugin of its own, so that it runs when those before it have made their routes.
    void app.register(async (last) => {
      // A copy: the routes made here are counted, too.
      const refused = Array.from(methodsOf);
      for (const [url, methods] of refused) {
        const allow = [...methods].join(", ");
        last.route({
          method: last.supportedMethods.filter((method) => !methods.has(method)),
          url,
          onRequest: async (request, reply) => {
            reply.header("allow", allow);
            const path = request.url.split("?", 1)[0];
            throw new ApiError("method_not_allowed", `${path} does not take ${request.method}. It takes ${allow}.`);
          },
          handler: async () => {},
        });
      }
    });
  };
}
