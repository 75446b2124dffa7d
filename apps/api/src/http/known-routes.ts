import { ApiError, maskKeys } from "@darkroom/contracts";
import { signedLinkPath } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import createRouter, { type HTTPMethod } from "find-my-way";
import { requestLimits } from "../limits/server-limits.ts";
import { preflightPath } from "./cross-origin.ts";

/** The method and the path of a request as it was sent. */
type Address = { method: string; url: string };

/**
 * Collects every route that `app` gets from now on until `close`, and finds the route that a caller of an unknown path may have meant. Clients
 * are mostly misconfigured by a base URL without `/v1`, or with two of them, or by an extra slash.
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
    // Nobody types the links to images, so they are never suggested.
    const candidates = [`/v1${rest}`, rest].filter((each) => each !== path && !each.startsWith(signedLinkPath));
    return candidates.find((each) => finder.has(method, each));
  }

  return {
    /** The segments of the paths of routes, without parameters. */
    words: words as ReadonlySet<string>,

    /** Ends the collection. Returns the methods of each URL. */
    close(): ReadonlyMap<string, ReadonlySet<string>> {
      closed = true;
      return methodsOf;
    },

    /** Whether there is a route for it, including CORS preflights. `url` may have a query. */
    has: (method: string, url: string): boolean =>
      (method === "OPTIONS" && answersPreflights) || finder.has(method, url),

    /** The message where another path was probably meant. */
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

/** Longer than any mistyped path of a route. */
const maxShownCharacters = 200;

/** A path for the message to its caller. Keys are masked before it is shortened, because the beginning of a key is not recognised as one. */
export function shownPath(url: string): string {
  const path = maskKeys(pathOf(url));
  return path.length > maxShownCharacters ? `${path.slice(0, maxShownCharacters)}…` : path;
}

/** Answers for which methods and URLs there is a route, by the router that Fastify uses. */
export function createRouteFinder() {
  const router = createRouter(requestLimits.routerOptions);
  return {
    /** Adds a route from Fastify's hook `onRoute`. */
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
 * where another route was probably meant. Call it after the last route.
 */
export function refuseOtherMethods(app: FastifyInstance, routes: KnownRoutes): void {
  // A plugin of its own, so that it runs after the earlier plugins have added their routes.
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
