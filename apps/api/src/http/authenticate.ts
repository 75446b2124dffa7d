import type { Account, Authenticator } from "@darkroom/accounts";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Lets only callers with a key reach the routes of `app`: before the body is read, so that a stranger costs nothing. */
export function authenticateCallers(app: FastifyInstance, authenticator: Authenticator): void {
  app.addHook("onRequest", async (request) => {
    request.facts.account = authenticator.authenticate(request.headers.authorization);
  });
}

/** Who is calling, on a route behind `authenticateCallers`. */
export function accountOf({ facts, url }: FastifyRequest): Account {
  if (facts.account === undefined) throw new Error(`${url} is not behind authentication`);
  return facts.account;
}
