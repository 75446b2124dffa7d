import createRouter, { type HTTPMethod } from "find-my-way";
import { serverLimits } from "./server-limits.ts";

/** Says for which methods and URLs there is a route, by the router that Fastify itself uses. */
export function createRouteFinder() {
  const router = createRouter(serverLimits.routerOptions);
  return {
    /** Takes in a route as Fastify's hook `onRoute` tells of it. */
    add(methods: string | readonly string[], url: string): void {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Fastify's router takes no others
      router.on([methods].flat() as HTTPMethod[], url, () => {});
    },

    /** `url` may have a query. */
    has: (method: string, url: string): boolean =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one that it does not know has no routes
      router.find(method as HTTPMethod, url) !== null,
  };
}
