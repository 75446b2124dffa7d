import { ApiError, maskKeys } from "@darkroom/contracts";
import { signedLinkPath } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import createRouter, { type HTTPMethod } from "find-my-way";
import { requestLimits } from "../limits/server-limits.ts";
import { preflightPath } from "./cross-origin.ts";

/** What is said of an address: its method, and its path as it was sent. */
type Address = { method: string; url: string };

/**
 * Knows every route that `app` is given from now on until `close`, and what a caller who asks for another one may have meant: a base
 * URL without `/v1`, or with two of them, and a slash too many are how clients are mostly misconfigured.
 */
export function createKnownRoutes(app: FastifyInstance) {
  const methodsOf = new Map<string, Set<string>>();
  const words = new Set<string>();
  const finder = createRouteFinder();
  let closed = false;
  let answersPreflights = false;
  app.addHook("onRoute", ({ url, method }) => {
    answersPreflights ||= url === preflightPath;
    if (closed || url === preflightPath) return;
    for (const segment of url.split("/")) if (/^\w/.test(segment)) words.add(segment);
    const methods = methodsOf.get(url) ?? new Set();
    methodsOf.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
    finder.add(method, url);
  });

  /** The path of the route that was probably meant. */
  function meant(method: string, path: string): string | undefined {
    const segments = path.split("/").filter((segment) => segment !== "");
    while (segments[0] === "v1") segments.shift();
    const rest = `/${segments.join("/")}`;
    // People do not type the links to images, so those are never meant.
    const candidates = [`/v1${rest}`, rest].filter((each) => each !== path && !each.startsWith(signedLinkPath));
    return candidates.find((each) => finder.has(method, each));
  }

  return {
    /** The segments that the paths of routes have, parameters left out. */
    words: words as ReadonlySet<string>,

    /** Routes that are made from now on are none of those. Returns the methods of each URL that there is. */
    close(): ReadonlyMap<string, ReadonlySet<string>> {
      closed = true;
      return methodsOf;
    },

    /** Whether there is a route for it, a preflight of CORS included. `url` may have a query. */
    has: (method: string, url: string): boolean =>
      (method === "OPTIONS" && answersPreflights) || finder.has(method, url),

    /** What to say where another address was probably meant. */
    misdirected({ method, url }: Address): ApiError | undefined {
      const path = pathOf(url);
      const found = meant(method, path);
      return found === undefined
        ? undefined
        : new ApiError("not_found", `There is no ${method} ${shownPath(url)} here. Did you mean ${shownPath(found)}?`);
    },
  };
}

export type KnownRoutes = ReturnType<typeof createKnownRoutes>;

/** The path of a request, without its query. */
export const pathOf = (url: string): string => url.split("?", 1)[0] ?? "";

/** Longer than any mistyped path of ours. */
const maxShownCharacters = 200;

/** A path as its own caller is told it. Keys are masked before it is cut: the beginning of one is not recognised as a key. */
export function shownPath(url: string): string {
  const path = maskKeys(pathOf(url));
  return path.length > maxShownCharacters ? `${path.slice(0, maxShownCharacters)}…` : path;
}

/** Says for which methods and URLs there is a route, by the router that Fastify itself uses. */
export function createRouteFinder() {
  const router = createRouter(requestLimits.routerOptions);
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
